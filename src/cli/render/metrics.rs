//! The digest of metrics: two tables, on a terminal with small plots, and the same for programs.

use serde_json::{Value, json};

use super::{Style, Table};
use crate::cli::metrics::{Figures, Latency, NodeDigest, Over, Quantile, Traffic};

/// The blocks of a plot, from nothing to all.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// How wide a bar is.
const BAR: usize = 10;

/// Everything, under a headline.
pub(in crate::cli) fn text(headline: &str, nodes: &[NodeDigest], style: Style) -> String {
    let mut parts = vec![
        headline.to_owned(),
        String::new(),
        summary(nodes, style),
        String::new(),
        traffic(nodes, style),
    ];
    let told = nodes.iter().filter_map(|node| node.figures.as_ref().ok());
    if told.flat_map(kinds).any(|(_, _, kind)| of_a_life(kind)) {
        let star = "* since the node's start: there was none in the time that was watched";
        parts.push(style.dim(star));
    }
    parts.join("\n")
}

/// The rows of a node: a name, what is counted, the figures.
fn kinds(figures: &Figures) -> [(&'static str, &'static str, &Traffic); 3] {
    [
        ("produce", "requests", &figures.produce),
        ("fetch", "requests", &figures.fetch),
        ("sync", "syncs", &figures.sync),
    ]
}

fn of_a_life(traffic: &Traffic) -> bool {
    let latency = traffic.latency.as_ref();
    latency.is_some_and(|latency| latency.over == Over::Life)
}

fn summary(nodes: &[NodeDigest], style: Style) -> String {
    let mut table = Table::new(&[
        "NODE",
        "STATE",
        "METADATA",
        "LEADS",
        "LAG",
        "CPU",
        "MEMORY",
        "FILES",
        "LEADERS SEEN",
        "STOOD",
        "WON",
    ]);
    for node in nodes {
        let name = node.node.to_string();
        match &node.figures {
            Ok(figures) => table.add_row(summary_row(name, figures, style)),
            Err(_) => table.add_row([name, style.red("✗ silent")]),
        }
    }
    table.shown(style)
}

fn summary_row(name: String, figures: &Figures, style: Style) -> Vec<String> {
    let state = if figures.ready {
        style.green("● ready")
    } else {
        style.yellow("◐ not ready")
    };
    let metadata = match (&figures.role, figures.term) {
        (Some(role), Some(term)) => format!("{role} (term {term})"),
        _ => dash(),
    };
    let repairing = match figures.repairing {
        0 => String::new(),
        count => format!(", {count} repairing"),
    };
    vec![
        name,
        state,
        metadata,
        format!("{}/{}{repairing}", figures.led, figures.partitions),
        whole(figures.lag),
        cpu(figures.cpu_percent, style),
        figures.memory_bytes.map_or_else(dash, bytes),
        whole(figures.open_files),
        whole(figures.leader_changes),
        whole(figures.candidacies),
        whole(figures.elections_won),
    ]
}

/// On a terminal with a bar, of which the whole is one core.
fn cpu(percent: Option<f64>, style: Style) -> String {
    let Some(percent) = percent else {
        return dash();
    };
    let number = format!("{percent:.0} %");
    if !style.live() {
        return number;
    }
    let full = (percent / 100.0 * BAR as f64)
        .round()
        .clamp(0.0, BAR as f64) as usize;
    format!("{}{} {number}", "█".repeat(full), "░".repeat(BAR - full))
}

fn traffic(nodes: &[NodeDigest], style: Style) -> String {
    let mut headers = vec!["NODE", "WHAT", "BYTES/S", "PER SECOND", "P50", "P99"];
    if style.live() {
        headers.extend(["COURSE OF BYTES", "LATENCIES, FAST TO SLOW"]);
    }
    let mut table = Table::new(&headers);
    for node in nodes {
        let mut name = node.node.to_string();
        let Ok(figures) = &node.figures else { continue };
        for (what, noun, kind) in kinds(figures) {
            let latency = kind.latency.as_ref();
            let mut row = vec![
                std::mem::take(&mut name),
                what.to_owned(),
                kind.bytes_per_s.map_or_else(dash, bytes),
                kind.per_s
                    .map_or_else(dash, |rate| format!("{rate:.0} {noun}")),
                latency.map_or_else(dash, |latency| quantile(latency.p50, latency.over)),
                latency.map_or_else(dash, |latency| quantile(latency.p99, latency.over)),
            ];
            if style.live() {
                row.push(style.cyan(&spark(&kind.course)));
                row.push(latency.map_or_else(String::new, |found| spark(&found.counts)));
            }
            table.add_row(row);
        }
    }
    table.shown(style)
}

/// Values as blocks, the largest as a full one; nothing at all is a row of the lowest.
fn spark(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let top = (BLOCKS.len() - 1) as f64;
    let block = |value: &f64| {
        let height = if most > 0.0 { value / most * top } else { 0.0 };
        // Something is never drawn as nothing.
        let least = f64::from(u8::from(*value > 0.0));
        BLOCKS[height.round().max(least) as usize]
    };
    values.iter().map(block).collect()
}

fn quantile(quantile: Quantile, over: Over) -> String {
    let star = match over {
        Over::Window => "",
        Over::Life => "*",
    };
    match quantile {
        Quantile::About(seconds) => format!("{:.2} ms{star}", seconds * 1e3),
        Quantile::MoreThan(seconds) => format!("> {:.0} ms{star}", seconds * 1e3),
    }
}

/// `0 B`, `1.5 kB`, `43.0 MB`.
fn bytes(bytes: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", bytes / size),
        None => format!("{bytes:.0} B"),
    }
}

fn whole(number: Option<f64>) -> String {
    number.map_or_else(dash, |number| format!("{number:.0}"))
}

fn dash() -> String {
    String::from("-")
}

/// A node for programs; what is not known is null.
pub(in crate::cli) fn json(node: &NodeDigest) -> Value {
    let figures = match &node.figures {
        Ok(figures) => figures,
        Err(reason) => {
            let name = node.node.to_string();
            return json!({ "id": node.node, "name": name, "state": "silent", "reason": reason });
        }
    };
    json!({
        "id": node.node,
        "name": node.node.to_string(),
        "state": if figures.ready { "ready" } else { "not ready" },
        "reason": null,
        "role": figures.role,
        "term": figures.term,
        "partitions": figures.partitions,
        "led": figures.led,
        "repairing": figures.repairing,
        "lag_records": figures.lag,
        "produce": traffic_json(&figures.produce),
        "fetch": traffic_json(&figures.fetch),
        "sync": traffic_json(&figures.sync),
        "cpu_percent": figures.cpu_percent.map(rounded),
        "memory_bytes": figures.memory_bytes,
        "open_files": figures.open_files,
        "leader_changes": figures.leader_changes,
        "candidacies": figures.candidacies,
        "elections_won": figures.elections_won,
    })
}

fn traffic_json(traffic: &Traffic) -> Value {
    json!({
        "bytes_per_s": traffic.bytes_per_s.map(rounded),
        "per_s": traffic.per_s.map(rounded),
        "course_bytes_per_s": traffic.course.iter().copied().map(rounded).collect::<Vec<_>>(),
        "latency_ms": traffic.latency.as_ref().map(latency_json),
    })
}

/// A quantile beyond the largest bound is that bound, as in Prometheus; `exceeds` names it then.
fn latency_json(latency: &Latency) -> Value {
    let ms = |quantile| match quantile {
        Quantile::About(seconds) | Quantile::MoreThan(seconds) => rounded(seconds * 1e3),
    };
    let quantiles = [("p50", latency.p50), ("p99", latency.p99)];
    let exceeds = quantiles
        .into_iter()
        .filter(|(_, quantile)| matches!(quantile, Quantile::MoreThan(_)))
        .map(|(name, _)| name);
    json!({
        "p50": ms(latency.p50),
        "p99": ms(latency.p99),
        "exceeds": exceeds.collect::<Vec<_>>(),
        "over": match latency.over {
            Over::Window => "window",
            Over::Life => "life",
        },
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::metrics::{digest, samples};
    use crate::spec::NodeId;

    fn nodes() -> Vec<NodeDigest> {
        vec![
            NodeDigest {
                node: NodeId(1),
                figures: Ok(digest(&samples::story()).unwrap()),
            },
            NodeDigest {
                node: NodeId(2),
                figures: Err("cannot connect".to_owned()),
            },
        ]
    }

    #[test]
    fn a_pipe_gets_plain_tables() {
        let text = text("cluster dev, over 2s", &nodes(), Style::plain());
        assert!(!text.contains(['\u{1b}', '▁', '█', '░']), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_terminal_gets_plots() {
        let text = text("cluster dev, over 2s", &nodes(), Style::on_a_terminal());
        insta::assert_snapshot!(console::strip_ansi_codes(&text));
    }

    #[test]
    fn a_narrow_terminal_gets_what_fits() {
        let style = Style::on_a_terminal_of(80);
        let text = text("cluster dev, over 2s", &nodes(), style);
        insta::assert_snapshot!(console::strip_ansi_codes(&text));
        assert!(
            text.lines()
                .all(|line| console::measure_text_width(line) <= 80)
        );
    }

    #[test]
    fn programs_get_every_figure() {
        let data: Value = nodes().iter().map(json).collect();
        insta::assert_json_snapshot!(data);
    }

    #[test]
    fn a_spark_is_as_high_as_its_value() {
        assert_eq!(spark(&[0.0, 1.0, 700.0, 350.0]), "▁▂█▅");
        assert_eq!(spark(&[0.0, 0.0]), "▁▁");
        assert_eq!(spark(&[]), "");
    }

    #[test]
    fn bytes_have_their_unit() {
        let shown = [0.0, 999.0, 1500.0, 43e6, 2.5e9].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.5 kB", "43.0 MB", "2.5 GB"]);
    }

    #[test]
    fn what_exceeds_the_bounds_says_so() {
        let latency = Latency {
            p50: Quantile::About(0.001),
            p99: Quantile::MoreThan(2.5),
            counts: Vec::new(),
            over: Over::Window,
        };
        assert_eq!(quantile(latency.p99, latency.over), "> 2500 ms");
        assert_eq!(latency_json(&latency)["exceeds"], json!(["p99"]));
    }
}
