//! The Grafana dashboard: panels over the metrics that nodes serve, and over no others.
//!
//! A table of rows and panels, and the JSON model around it. Every series carries the labels
//! `cluster` and `node` that `prometheus.yml` gives its targets.

use serde_json::{Value, json};

/// A panel: its title, the unit of its axis, and `(expression, legend)` of each series.
struct Panel {
    title: &'static str,
    unit: &'static str,
    series: &'static [(&'static str, &'static str)],
}

/// What every expression selects by; `$all` stands for it in the table below.
const ALL: &str = r#"cluster="$cluster",node=~"$node""#;
/// Panels beside each other; Grafana's grid is 24 columns wide.
const COLUMNS: usize = 3;
const GRID: usize = 24;
const HEIGHT: usize = 8;

const PANELS: [Panel; 21] = [
    Panel {
        title: "Nodes ready",
        unit: "none",
        series: &[("sum(chronik_ready{$all})", "ready")],
    },
    Panel {
        title: "Who leads the metadata group",
        unit: "none",
        series: &[(
            r#"max by (node) (chronik_metadata_role{$all,role="leader"})"#,
            "{{node}}",
        )],
    },
    Panel {
        title: "Partitions led",
        unit: "none",
        series: &[(
            r#"sum by (node) (chronik_partition_role{$all,role="leader"})"#,
            "{{node}}",
        )],
    },
    Panel {
        title: "Produced",
        unit: "Bps",
        series: &[(
            "sum by (node) (rate(chronik_produced_bytes_total{$all}[$__rate_interval]))",
            "{{node}}",
        )],
    },
    Panel {
        title: "Fetched",
        unit: "Bps",
        series: &[(
            "sum by (node) (rate(chronik_fetched_bytes_total{$all}[$__rate_interval]))",
            "{{node}}",
        )],
    },
    Panel {
        title: "Requests by API",
        unit: "reqps",
        series: &[(
            "sum by (api) (rate(chronik_requests_total{$all}[$__rate_interval])) > 0",
            "{{api}}",
        )],
    },
    Panel {
        title: "Produce latency",
        unit: "s",
        series: &[
            (
                r#"histogram_quantile(0.5, sum by (le) (rate(chronik_request_seconds_bucket{$all,api="Produce"}[$__rate_interval])))"#,
                "p50",
            ),
            (
                r#"histogram_quantile(0.99, sum by (le) (rate(chronik_request_seconds_bucket{$all,api="Produce"}[$__rate_interval])))"#,
                "p99",
            ),
        ],
    },
    Panel {
        title: "Fetch latency, with the consumers' waits",
        unit: "s",
        series: &[
            (
                r#"histogram_quantile(0.5, sum by (le) (rate(chronik_request_seconds_bucket{$all,api="Fetch"}[$__rate_interval])))"#,
                "p50",
            ),
            (
                r#"histogram_quantile(0.99, sum by (le) (rate(chronik_request_seconds_bucket{$all,api="Fetch"}[$__rate_interval])))"#,
                "p99",
            ),
        ],
    },
    Panel {
        title: "Sync latency of the write-ahead log",
        unit: "s",
        series: &[
            (
                "histogram_quantile(0.5, sum by (le, node) (rate(chronik_wal_sync_seconds_bucket{$all}[$__rate_interval])))",
                "{{node}} p50",
            ),
            (
                "histogram_quantile(0.99, sum by (le, node) (rate(chronik_wal_sync_seconds_bucket{$all}[$__rate_interval])))",
                "{{node}} p99",
            ),
        ],
    },
    Panel {
        title: "Records behind the leaders",
        unit: "short",
        series: &[(
            "sum by (node) (chronik_partition_lag_records{$all})",
            "{{node}}",
        )],
    },
    Panel {
        title: "Records appended and not committed",
        unit: "short",
        series: &[(
            "sum by (node) (chronik_partition_log_end_offset{$all} - chronik_partition_high_watermark{$all})",
            "{{node}}",
        )],
    },
    Panel {
        title: "In-sync replicas, the least of a topic",
        unit: "none",
        series: &[(
            "min by (topic) (chronik_partition_in_sync_replicas{$all})",
            "{{topic}}",
        )],
    },
    Panel {
        title: "Leader changes",
        unit: "none",
        series: &[(
            "sum by (node) (increase(chronik_leader_changes_total{$all}[$__rate_interval]))",
            "{{node}}",
        )],
    },
    Panel {
        title: "Elections",
        unit: "none",
        series: &[
            (
                "sum by (node) (increase(chronik_candidacies_total{$all}[$__rate_interval]))",
                "{{node}} stood",
            ),
            (
                "sum by (node) (increase(chronik_elections_won_total{$all}[$__rate_interval]))",
                "{{node}} won",
            ),
        ],
    },
    Panel {
        title: "Terms",
        unit: "none",
        series: &[
            (
                "max by (topic, partition) (chronik_partition_term{$all})",
                "{{topic}}/{{partition}}",
            ),
            ("max(chronik_metadata_term{$all})", "metadata"),
        ],
    },
    Panel {
        title: "Peers linked and held alive",
        unit: "none",
        series: &[
            (
                "sum by (node) (chronik_peer_linked{$all})",
                "{{node}} linked",
            ),
            ("sum by (node) (chronik_peer_alive{$all})", "{{node}} alive"),
        ],
    },
    Panel {
        title: "Write-ahead log",
        unit: "Bps",
        series: &[(
            "sum by (node) (rate(chronik_wal_bytes_total{$all}[$__rate_interval]))",
            "{{node}}",
        )],
    },
    Panel {
        title: "Kafka connections",
        unit: "none",
        series: &[
            ("sum by (node) (chronik_connections{$all})", "{{node}}"),
            (
                "sum by (node) (increase(chronik_connections_faulty_total{$all}[$__rate_interval]))",
                "{{node}} faulty",
            ),
            (
                "sum by (node) (increase(chronik_connections_refused_total{$all}[$__rate_interval]))",
                "{{node}} refused",
            ),
        ],
    },
    Panel {
        title: "CPU, 1 is a core",
        unit: "percentunit",
        series: &[(
            "sum by (node) (rate(process_cpu_seconds_total{$all}[$__rate_interval]))",
            "{{node}}",
        )],
    },
    Panel {
        title: "Memory",
        unit: "bytes",
        series: &[(
            "sum by (node) (process_resident_memory_bytes{$all})",
            "{{node}}",
        )],
    },
    Panel {
        title: "Open files",
        unit: "none",
        series: &[("sum by (node) (process_open_fds{$all})", "{{node}}")],
    },
];

/// The dashboard as Grafana imports it.
pub(super) fn dashboard() -> Value {
    json!({
        "title": "chronik-dev",
        "uid": "chronik-dev",
        "tags": ["chronik-dev", "kafka", "raft"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": { "from": "now-5m", "to": "now" },
        "templating": { "list": variables() },
        "panels": PANELS.iter().enumerate().map(panel).collect::<Value>(),
    })
}

fn variables() -> Value {
    let query = |name: &str, query: &str| {
        json!({
            "name": name,
            "type": "query",
            "datasource": source(),
            "query": { "query": query, "refId": name },
            "refresh": 2,
            "sort": 1,
        })
    };
    let mut nodes = query(
        "node",
        r#"label_values(chronik_ready{cluster="$cluster"}, node)"#,
    );
    nodes["multi"] = json!(true);
    nodes["includeAll"] = json!(true);
    nodes["current"] = json!({ "text": ["All"], "value": ["$__all"] });
    json!([
        { "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus" },
        query("cluster", "label_values(chronik_ready, cluster)"),
        nodes,
    ])
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn panel((position, panel): (usize, &Panel)) -> Value {
    let width = GRID / COLUMNS;
    let targets = panel.series.iter().zip('A'..).map(|((expr, legend), id)| {
        json!({
            "refId": id.to_string(),
            "datasource": source(),
            "expr": expr.replace("$all", ALL),
            "legendFormat": legend,
        })
    });
    json!({
        "id": position + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source(),
        "gridPos": {
            "x": position % COLUMNS * width,
            "y": position / COLUMNS * HEIGHT,
            "w": width,
            "h": HEIGHT,
        },
        "fieldConfig": {
            "defaults": { "unit": panel.unit, "min": 0, "custom": { "showPoints": "never" } },
            "overrides": [],
        },
        "options": {
            "legend": { "showLegend": true, "displayMode": "list", "placement": "bottom" },
            "tooltip": { "mode": "multi", "sort": "desc" },
        },
        "targets": targets.collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_do_not_overlap_and_every_series_selects_cluster_and_node() {
        let dashboard = dashboard();
        let panels = dashboard["panels"].as_array().unwrap();
        let mut places: Vec<String> = panels.iter().map(|p| p["gridPos"].to_string()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), PANELS.len());
        for target in panels.iter().flat_map(|p| p["targets"].as_array().unwrap()) {
            let expr = target["expr"].as_str().unwrap();
            let selectors = expr.matches('{').count();
            assert!(selectors > 0 && !expr.contains("$all"), "{expr}");
            assert_eq!(expr.matches(ALL).count(), selectors, "{expr}");
        }
    }
}
