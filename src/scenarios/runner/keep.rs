//! What is kept of a run: its history as it grows, the nodes' logs, and the data unless it passed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use super::{Keep, Plan, Target};
use crate::scenarios::report::{self, Artifacts, Conclusion, RunReport};
use crate::spec::NodeId;
use crate::supervisor::{Action, ClusterHandle, Selector, Verb};

/// The history's file in the run's directory.
const HISTORY: &str = "history.jsonl";

/// Makes the run's directory and the history's file in it; what an interrupted scenario wrote so
/// far can be read from there.
pub(super) fn history_file(keep: &Keep, scenario: &str) -> io::Result<File> {
    let run = format!("run-{}", keep.number);
    let directory = keep.directory.join(scenario).join(run);
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&directory)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(directory.join(HISTORY))
}

/// Copies the nodes' logs; unless the run passed their data too, once nobody writes it any more.
///
/// Nothing is copied of a cluster that was not started for the run.
pub(super) async fn keep(
    plan: &Plan,
    handle: Option<&ClusterHandle>,
    keep: &Keep,
    run: &mut RunReport,
) -> Result<(), String> {
    let mut artifacts = Artifacts::default();
    if let (Some(handle), Target::Fresh(nodes)) = (handle, &plan.target) {
        if run.conclusion != Conclusion::Pass {
            kill_all(handle).await;
        }
        let dir = handle.dir();
        for node in (1..=u64::from(*nodes)).map(NodeId) {
            artifacts.logs.push((node, dir.node_log(node)));
            artifacts.data.push((node, dir.node_data(node)));
        }
    }
    let kept = report::keep(&keep.directory, keep.number, run, &artifacts);
    kept.map_err(|error| format!("not all of it was kept: {error}"))
}

async fn kill_all(handle: &ClusterHandle) {
    let action = Action {
        verb: Verb::Kill,
        select: Selector::All,
        lasting: None,
        signal: None,
    };
    // One that is dead already is as it should be.
    drop(handle.act(action).await);
}
