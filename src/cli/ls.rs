//! `ls`: every cluster of this user, running or stopped.

use futures::future::join_all;
use serde_json::{Value, json};

use super::cluster::places;
use super::context::Context;
use super::outcome::{CommandResult, Failure, Outcome};
use super::render::Table;
use crate::spec::ClusterSpec;
use crate::supervisor::{ClusterHandle, ClusterStatus, Entry, Trouble, TroubleCode, list, sweep};

/// What `ls` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev ls",
    after_long_help = "Exit codes:\n  0  ok\n  5  the clusters' directory cannot be read\n\nExample:\n  chronik-dev ls --json"
)]
pub(super) struct Args {}

struct Row {
    entry: Entry,
    spec: Option<ClusterSpec>,
    status: Option<ClusterStatus>,
}

/// Runs `ls`.
pub(super) fn run(context: &Context, _: &Args) -> CommandResult {
    let refused = |error| Failure::from(Trouble::of(TroubleCode::Precondition, &error));
    sweep(&places()).map_err(refused)?;
    let entries = list(&places()).map_err(refused)?;
    let rows = context.block_on(async { Ok(join_all(entries.into_iter().map(row)).await) })?;
    let mut table = Table::new(&["CLUSTER", "STATE", "NODES", "BOOTSTRAP", "DIRECTORY"]);
    for row in &rows {
        table.add_row([
            row.entry.name.to_string(),
            row.shape(),
            row.nodes()
                .map_or_else(|| String::from("-"), |nodes| nodes.to_string()),
            row.bootstrap().unwrap_or_else(|| String::from("-")),
            row.entry.dir.path().display().to_string(),
        ]);
    }
    let data: Value = rows.iter().map(Row::json).collect();
    let outcome = Outcome::new(data);
    if rows.is_empty() {
        context.say("no clusters; chronik-dev up makes one");
        return Ok(outcome);
    }
    Ok(outcome.with_text(table.text()))
}

async fn row(entry: Entry) -> Row {
    // A stopped cluster has no status, and neither has one whose supervisor does not answer.
    let status = match ClusterHandle::connect(&places(), &entry.name).await {
        Ok(handle) => handle.status().await.ok(),
        Err(_) => None,
    };
    // A damaged spec is named by the command that needs it; here the row stays blank.
    let spec = entry.dir.load_spec().ok().flatten();
    Row {
        entry,
        spec,
        status,
    }
}

impl Row {
    fn word(&self) -> &'static str {
        match &self.status {
            Some(status) => status.state.as_str(),
            None if self.entry.dir.is_locked() => "locked",
            None if self.spec.is_none() => "damaged",
            None => "stopped",
        }
    }

    fn shape(&self) -> String {
        let word = self.word();
        let shape = match word {
            "ready" => "●",
            "degraded" => "◐",
            "stopped" => "○",
            "locked" | "damaged" => "✗",
            _ => "◌",
        };
        format!("{shape} {word}")
    }

    fn nodes(&self) -> Option<usize> {
        let running = self.status.as_ref().map(|status| status.nodes.len());
        running.or_else(|| self.spec.as_ref().map(ClusterSpec::nodes))
    }

    fn bootstrap(&self) -> Option<String> {
        let running = self.status.as_ref().map(|status| status.bootstrap.clone());
        running.or_else(|| self.spec.as_ref().map(|spec| spec.ports.bootstrap()))
    }

    fn json(&self) -> Value {
        json!({
            "cluster": self.entry.name,
            "state": self.word(),
            "nodes": self.nodes(),
            "bootstrap": self.bootstrap(),
            "directory": self.entry.dir.path(),
            "ephemeral": self.spec.as_ref().map(|spec| spec.ephemeral),
            "supervisor_pid": self.status.as_ref().map(|status| status.supervisor_pid),
        })
    }
}
