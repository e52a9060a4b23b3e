//! A leaving node gives its leaderships away while it still serves.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::claims::Claims;
use super::group::Group;
use super::host::Host;
use crate::node::link::{Links, PeerTable};
use crate::spec::{NodeId, defaults};

/// Entries that a candidate may be behind when leadership is handed to it.
const MAX_LAG: u64 = 64;

/// Hands over every group that this node leads, all at once, within
/// [`defaults::HANDOVER_BUDGET`], and waits until the successors serve: until then this node's
/// vote may be the one they need. Groups without a candidate are skipped.
pub(in crate::node) async fn hand_over(host: &Host, links: &Links, claims: &Claims) {
    let led = host
        .all()
        .into_iter()
        .filter(|group| group.standing().leads);
    let handovers = join_all(led.map(|group| hand_over_one(group, links.clone(), claims.clone())));
    if tokio::time::timeout(defaults::HANDOVER_BUDGET, handovers)
        .await
        .is_err()
    {
        tracing::warn!("not every leadership was handed over in time");
    }
}

async fn hand_over_one(group: Arc<Group>, links: Links, claims: Claims) {
    let term = group.standing().term;
    let mut tried: Vec<NodeId> = Vec::new();
    while group.standing().leads {
        let mut next = next_candidate(&group, &links.peers().borrow(), &tried);
        if next.is_none() {
            // All were too slow: the first may be able now.
            tried.clear();
            next = next_candidate(&group, &links.peers().borrow(), &tried);
        }
        if !others_can_serve(&group, &links.peers().borrow()) {
            tracing::warn!(group = %group.id(), "nobody to hand leadership to");
            return;
        }
        let Some(next) = next else {
            // Who lags catches up, and the caller's budget bounds the wait for it.
            group.watch_progress().changed().await;
            continue;
        };
        tried.push(next);
        group.transfer(next).await;
        if lost_leadership(&group, defaults::NEXT_HANDOVER).await {
            tracing::info!(group = %group.id(), to = %next, "leadership handed over");
        }
    }
    let mut peers = links.peers();
    tokio::select! {
        () = succeeded(&group, &claims, term) => {}
        // Where all leave together there is no successor to wait for.
        _ = peers.wait_for(|peers| !others_can_serve(&group, peers)) => {}
    }
}

/// Whether a majority of the voters stays when this node is gone.
fn others_can_serve(group: &Group, peers: &PeerTable) -> bool {
    let stays = |voter: &NodeId| {
        let peer = peers.peers.get(voter);
        peer.is_some_and(|peer| peer.alive && !peer.leaving)
    };
    let voters = group.voters();
    voters.iter().filter(|voter| stays(voter)).count() > voters.len() / 2
}

/// Waits until another leader says that it serves, in a later term.
async fn succeeded(group: &Group, claims: &Claims, term: u64) {
    let mut changes = claims.watch();
    let serves = || {
        let claim = claims.get(group.id());
        claim.is_some_and(|claim| claim.term > term && claim.leader.is_some())
    };
    while !serves() && changes.changed().await.is_ok() {}
}

async fn lost_leadership(group: &Group, within: Duration) -> bool {
    let mut standing = group.watch_standing();
    let lost = standing.wait_for(|standing| !standing.leads);
    tokio::time::timeout(within, lost).await.is_ok()
}

/// The linked follower with the longest log that is not leaving and was not tried.
fn next_candidate(group: &Group, peers: &PeerTable, tried: &[NodeId]) -> Option<NodeId> {
    let end = group.log().state().last.map_or(0, |last| last.index);
    let fit = |node: &NodeId| {
        let peer = peers.peers.get(node);
        !tried.contains(node) && peer.is_some_and(|peer| peer.linked && peer.alive && !peer.leaving)
    };
    let matched = group.matched().into_iter();
    matched
        .filter(|(node, at)| fit(node) && at + MAX_LAG >= end)
        .max_by_key(|(_, at)| *at)
        .map(|(node, _)| node)
}
