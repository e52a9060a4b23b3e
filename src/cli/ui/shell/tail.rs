//! The nodes' logs: the end of each, then what is added.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::logs::{Line, LogFile};
use crate::cli::ui::model::Message;
use crate::spec::NodeId;
use crate::supervisor::ClusterStatus;

/// Growing files are looked at this often.
const LOOK: Duration = Duration::from_millis(250);
/// What is read of a log that was there before.
const TAIL: u64 = 64 << 10;

/// Follows the logs of all nodes.
pub(super) async fn follow(
    met: watch::Receiver<Option<Box<ClusterStatus>>>,
    outbox: Sender<Message>,
) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut files: BTreeMap<NodeId, (PathBuf, LogFile)> = BTreeMap::new();
    loop {
        looks.tick().await;
        if let Some(status) = met.borrow().as_deref() {
            open(&mut files, status);
        }
        let read = files.values_mut().flat_map(|(_, file)| file.read());
        let mut lines: Vec<Line> = read.collect();
        lines.sort_by(|one, other| one.time().cmp(other.time()));
        if !lines.is_empty() {
            drop(outbox.send(Message::Log(lines)).await);
        }
    }
}

/// A cluster that was made anew has its logs elsewhere, or shorter ones in the same place.
fn open(files: &mut BTreeMap<NodeId, (PathBuf, LogFile)>, status: &ClusterStatus) {
    for node in &status.nodes {
        let path = PathBuf::from(&node.log);
        if files.get(&node.id).is_none_or(|(known, _)| *known != path) {
            let file = LogFile::tail(node.id, path.clone(), TAIL);
            files.insert(node.id, (path, file));
        }
    }
}
