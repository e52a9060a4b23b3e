//! What is kept of a run: its history, the nodes' logs, and the data of a failure.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::{Plan, Target};
use crate::scenarios::history::RecordingError;
use crate::spec::NodeId;
use crate::supervisor::{Action, ClusterDir, ClusterHandle, Selector, Verb};

/// The history's file in its directory.
const HISTORY: &str = "history.jsonl";

/// Makes the directory and the history's file in it.
pub(super) fn history_file(directory: &Path) -> io::Result<File> {
    create_private(directory)?;
    create_file(&directory.join(HISTORY))
}

pub(super) fn write_error(error: io::Error) -> RecordingError {
    RecordingError::Write(error)
}

/// Copies the nodes' logs; after a failure of a fresh cluster its data too, once nobody writes it.
pub(super) async fn keep(
    plan: &Plan,
    handle: Option<&ClusterHandle>,
    directory: &Path,
    failed: bool,
) -> Result<(), String> {
    let (Some(handle), Target::Fresh(nodes)) = (handle, &plan.target) else {
        return Ok(());
    };
    let nodes = (1..=u64::from(*nodes)).map(NodeId);
    if failed {
        let action = Action {
            verb: Verb::Kill,
            select: Selector::All,
            lasting: None,
            signal: None,
        };
        // One that is dead already is as it should be.
        drop(handle.act(action).await);
    }
    for node in nodes {
        let kept = copy_node(handle.dir(), node, directory, failed);
        kept.map_err(|error| format!("cannot keep what {node} wrote: {error}"))?;
    }
    Ok(())
}

fn copy_node(dir: &ClusterDir, node: NodeId, to: &Path, failed: bool) -> io::Result<()> {
    let to = to.join(node.to_string());
    create_private(&to)?;
    copy_file(&dir.node_log(node), &to.join("node.log"))?;
    if failed {
        copy_tree(&dir.node_data(node), &to.join("data"))?;
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    create_private(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = create_file(to)?;
    match File::open(from) {
        Ok(mut source) => io::copy(&mut source, &mut target).map(drop),
        // A node that never ran has no log.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
