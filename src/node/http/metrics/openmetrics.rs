//! The families as OpenMetrics 1.0.0 text.
//!
//! The `prometheus` crate writes the classic format only, and the crate that writes this one
//! (`prometheus-client`) does so from a registry of its own; so the same families are written here.
//! What differs from the classic format: a counter's family is named without `_total`, a build
//! info's without `_info`, units are declared, bounds are floats, and the end is marked. Neither
//! exemplars nor `_created` series are written; both are optional.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::fmt::Write as _;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// The base units that our names end in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// All families, and the mark of the end.
pub(super) fn encode(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        write_family(&mut text, family);
    }
    text.push_str("# EOF\n");
    text
}

/// What a family is in this format.
struct Shape<'a> {
    kind: &'static str,
    name: &'a str,
    suffix: &'static str,
}

fn shape(family: &MetricFamily) -> Shape<'_> {
    let full = family.name();
    let (kind, suffix) = match family.get_field_type() {
        MetricType::COUNTER => ("counter", "_total"),
        MetricType::HISTOGRAM => ("histogram", ""),
        MetricType::GAUGE if full.ends_with("_info") => ("info", "_info"),
        MetricType::GAUGE => ("gauge", ""),
        MetricType::SUMMARY | MetricType::UNTYPED => unreachable!("we make none: {full}"),
    };
    Shape {
        kind,
        name: full.strip_suffix(suffix).unwrap_or(full),
        suffix,
    }
}

fn write_family(text: &mut String, family: &MetricFamily) {
    let Shape { kind, name, suffix } = shape(family);
    line(text, format_args!("# TYPE {name} {kind}"));
    let unit = |unit: &&&str| {
        let before = name.strip_suffix(**unit);
        before.is_some_and(|before| before.ends_with('_'))
    };
    if let Some(unit) = UNITS.iter().find(unit) {
        line(text, format_args!("# UNIT {name} {unit}"));
    }
    line(
        text,
        format_args!("# HELP {name} {}", escaped(family.help())),
    );
    for metric in family.get_metric() {
        match family.get_field_type() {
            MetricType::HISTOGRAM => write_histogram(text, name, metric),
            kind => {
                let value = match kind {
                    MetricType::COUNTER => metric.get_counter().get_value(),
                    _ => metric.get_gauge().get_value(),
                };
                let labels = labels(metric.get_label(), None);
                line(text, format_args!("{name}{suffix}{labels} {value}"));
            }
        }
    }
}

fn write_histogram(text: &mut String, name: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    for bucket in histogram.get_bucket() {
        let labels = labels(metric.get_label(), Some(&bound(bucket.upper_bound())));
        let count = bucket.cumulative_count();
        line(text, format_args!("{name}_bucket{labels} {count}"));
    }
    let all = labels(metric.get_label(), Some("+Inf"));
    let labels = labels(metric.get_label(), None);
    let sum = histogram.get_sample_sum();
    line(text, format_args!("{name}_bucket{all} {count}"));
    line(text, format_args!("{name}_sum{labels} {sum}"));
    line(text, format_args!("{name}_count{labels} {count}"));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

/// A whole number has its `.0`, so that it is the same series whoever writes it.
fn bound(bound: f64) -> String {
    format!("{bound:?}")
}

fn labels(pairs: &[LabelPair], le: Option<&str>) -> String {
    let pairs = pairs.iter().map(|pair| (pair.name(), pair.value()));
    let all = pairs.chain(le.map(|le| ("le", le)));
    let all: Vec<String> = all
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    if all.is_empty() {
        return String::new();
    }
    format!("{{{}}}", all.join(","))
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}
