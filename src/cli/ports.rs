//! `ports`: the port plan of every cluster, and who holds each port.

use serde_json::{Value, json};

use super::cluster::places;
use super::context::Context;
use super::outcome::{CommandResult, Failure, Outcome};
use super::render::Table;
use crate::ports::{Holder, PlanError, SearchPorts, holder_of, plan};
use crate::spec::{NodeId, PortPlan, Service, defaults};
use crate::supervisor::{ClusterName, Trouble, TroubleCode, list};

/// What `ports` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev ports",
    after_long_help = "Exit codes:\n  0  ok\n  5  the clusters' directory cannot be read\n\nExample:\n  chronik-dev ports --cluster orders --json"
)]
pub(super) struct Args {
    /// Only this cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<ClusterName>,
}

struct Row {
    cluster: Option<ClusterName>,
    node: NodeId,
    service: Service,
    port: u16,
    /// Whether a living supervisor reserves it.
    reserved: bool,
    holder: Option<Holder>,
}

/// Runs `ports`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let rows = rows(args)?;
    let mut table = Table::new(&["CLUSTER", "NODE", "SERVICE", "PORT", "STATE", "HOLDER"]);
    for row in &rows {
        table.add_row([
            row.cluster
                .as_ref()
                .map_or_else(|| String::from("(default plan)"), ToString::to_string),
            row.node.to_string(),
            row.service.to_string(),
            row.port.to_string(),
            row.state(),
            row.holder
                .as_ref()
                .map_or_else(|| String::from("-"), ToString::to_string),
        ]);
    }
    if rows.is_empty() {
        context.say("no ports");
    }
    let data: Value = rows.iter().map(Row::json).collect();
    Ok(Outcome::new(data).with_text(table.text()))
}

/// The plans of the stored clusters; without any, the plan that `up` would try first.
fn rows(args: &Args) -> Result<Vec<Row>, Failure> {
    let entries = list(&places());
    let entries =
        entries.map_err(|error| Failure::from(Trouble::of(TroubleCode::Precondition, &error)))?;
    let mut rows = Vec::new();
    let wanted = |name: &ClusterName| args.cluster.as_ref().is_none_or(|wanted| wanted == name);
    for entry in entries.into_iter().filter(|entry| wanted(&entry.name)) {
        if let Ok(Some(spec)) = entry.dir.load_spec() {
            let reserved = entry.dir.is_locked();
            rows.extend(plan_rows(Some(&entry.name), &spec.ports, reserved));
        }
    }
    if let (true, Some(name)) = (rows.is_empty(), &args.cluster) {
        return Err(Failure::from(
            Trouble::new(
                TroubleCode::NoCluster,
                format!("there is no cluster {name}"),
            )
            .hint("chronik-dev ls shows every cluster"),
        ));
    }
    if rows.is_empty() {
        let nodes = usize::from(defaults::NODES);
        let first = plan(nodes, defaults::PORT_BASE, SearchPorts::On);
        let first = first.map_err(|error: PlanError| Failure::usage(error.to_string()))?;
        rows.extend(plan_rows(None, &first, false));
    }
    Ok(rows)
}

fn plan_rows<'a>(
    cluster: Option<&'a ClusterName>,
    plan: &'a PortPlan,
    reserved: bool,
) -> impl Iterator<Item = Row> + 'a {
    plan.0
        .iter()
        .enumerate()
        .flat_map(move |(position, ports)| {
            ports.services().map(move |(service, port)| Row {
                cluster: cluster.cloned(),
                node: NodeId(position as u64 + 1),
                service,
                port,
                reserved,
                holder: holder_of(port),
            })
        })
}

impl Row {
    fn state(&self) -> String {
        let text = match (self.reserved, &self.holder) {
            (true, Some(_)) => "● in use",
            (true, None) => "◐ reserved",
            (false, Some(_)) => "✗ taken",
            (false, None) => "○ free",
        };
        String::from(text)
    }

    fn json(&self) -> Value {
        json!({
            "cluster": self.cluster,
            "node": self.node.0,
            "service": self.service,
            "port": self.port,
            "reserved": self.reserved,
            "in_use": self.holder.is_some(),
            "holder": self.holder.as_ref().map(|holder| json!({
                "pid": holder.pid,
                "name": holder.name,
            })),
        })
    }
}
