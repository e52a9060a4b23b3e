//! `kill`, `stop`, `start`, `restart`, `pause`, `resume`: resolved, done, waited for, measured.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, timeout_at};

use super::election::{Election, Group};
use super::server::Desk;
use super::{Acted, Action, Verb};
use crate::spec::NodeId;
use crate::spec::defaults::{READY_TIMEOUT, STOP_GRACE};
use crate::supervisor::actor::{Command, Deed, Fate};
use crate::supervisor::selector::{Field, Selector, Unresolved};
use crate::supervisor::slot::ends_a_process;
use crate::supervisor::status::{ClusterStatus, NodeView};
use crate::supervisor::trouble::{Trouble, TroubleCode};

/// Longer than any grace: the process is reaped, or the system is in trouble.
const REAPED_WITHIN: Duration = STOP_GRACE.saturating_add(Duration::from_secs(5));

/// Does something to nodes and returns when they are as asked.
pub(super) async fn act(desk: &mut Desk, action: &Action) -> Result<Acted, Trouble> {
    let signal = signal(action)?;
    let group = Group::of(&action.select);
    let before = desk.current();
    let old_leader = group.leader(&before).await;
    let nodes = resolve(action, &before, old_leader)?;
    let mut warnings = already(action.verb, &nodes, &before);
    let began = Instant::now();
    let done = carry_out(desk, action, signal, &nodes);
    let election = Election {
        group,
        old_leader,
        touched: nodes.clone(),
        began,
    };
    let watched = election.watch(desk.view.clone(), action.verb);
    let (done, elected) = tokio::join!(done, watched);
    done?;
    if elected.overdue {
        warnings.push(String::from("no survivor has named a new leader yet"));
    }
    let name = |node: NodeId| node.to_string();
    Ok(Acted {
        nodes,
        took_ms: elected.acted_in(began),
        old_leader: old_leader.map(name),
        new_leader: elected.leader.map(name),
        election_ms: elected.after.map(|after| after.as_secs_f64() * 1e3),
        warnings,
    })
}
