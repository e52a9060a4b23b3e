//! Who leads what, as the leaders themselves say it: gossip, not consensus.
//!
//! A leader claims a group after an entry of its own term is committed there, tells every node,
//! and says it again each second. The highest term wins and a lower one is never believed again,
//! so what a client sees only moves forward.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::watch;

use super::wire::{Malformed, Reader};
use crate::node::link::PeerTable;
use crate::spec::{BootId, GroupId, NodeId};

/// A leader's word about one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Claim {
    /// The group.
    pub(in crate::node) group: GroupId,
    /// Who leads; `None` when it said that it leads no more.
    pub(in crate::node) leader: Option<NodeId>,
    /// The life of the leader's process in which it was elected.
    pub(in crate::node) boot: BootId,
    /// The term: Kafka's leader epoch.
    pub(in crate::node) term: u64,
    /// In-sync replicas, in replica order.
    pub(in crate::node) isr: Vec<NodeId>,
    /// The leader's next offset.
    pub(in crate::node) log_end: i64,
}

impl Claim {
    /// Whether the leader is alive in the same life in which it claimed.
    pub(in crate::node) fn stands(&self, me: (NodeId, BootId), peers: &PeerTable) -> bool {
        let Some(leader) = self.leader else {
            return false;
        };
        if leader == me.0 {
            return self.boot == me.1;
        }
        let peer = peers.peers.get(&leader);
        peer.is_some_and(|peer| peer.alive && peer.boot == Some(self.boot))
    }
}

/// All claims that this node has heard; clones share them.
#[derive(Clone)]
pub(in crate::node) struct Claims {
    table: Arc<RwLock<HashMap<GroupId, Claim>>>,
    changes: watch::Sender<u64>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            table: Arc::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Claims {
    /// Takes a claim unless a newer one is known; wakes the watchers when leader, term or ISR
    /// changed.
    pub(in crate::node) fn take(&self, claim: Claim) {
        let mut table = self.table.write().expect("no holder panics");
        let old = table.get(&claim.group);
        if old.is_some_and(|old| !follows(&claim, old)) {
            return;
        }
        let news = old.is_none_or(|old| {
            (old.leader, old.term, &old.isr, old.boot)
                != (claim.leader, claim.term, &claim.isr, claim.boot)
        });
        table.insert(claim.group, claim);
        drop(table);
        if news {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// The newest claim on a group.
    pub(in crate::node) fn get(&self, group: GroupId) -> Option<Claim> {
        self.table
            .read()
            .expect("no holder panics")
            .get(&group)
            .cloned()
    }

    /// The newest term in which somebody claimed a group; 0 before the first.
    pub(in crate::node) fn term(&self, group: GroupId) -> u64 {
        let table = self.table.read().expect("no holder panics");
        table.get(&group).map_or(0, |claim| claim.term)
    }

    /// Every claim that this node makes itself.
    pub(in crate::node) fn own(&self, me: NodeId) -> Vec<Claim> {
        let table = self.table.read().expect("no holder panics");
        table
            .values()
            .filter(|claim| claim.leader == Some(me))
            .cloned()
            .collect()
    }

    /// A deleted group has no leader.
    pub(in crate::node) fn forget(&self, group: GroupId) {
        self.table.write().expect("no holder panics").remove(&group);
    }

    /// Forgets the groups that do not exist (any more): late gossip may have brought them back.
    pub(in crate::node) fn retain(&self, exists: impl Fn(GroupId) -> bool) {
        self.table
            .write()
            .expect("no holder panics")
            .retain(|group, _| exists(*group));
    }

    /// Counts changes of leaders, terms and ISRs.
    pub(in crate::node) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// Whether `new` may replace `old`: a higher term, or the same leader's later word. A leader that
/// stepped down in a term does not come back in it.
fn follows(new: &Claim, old: &Claim) -> bool {
    new.term > old.term || (new.term == old.term && old.leader.is_some())
}

/// Claims as a gossip payload.
pub(in crate::node::raft) fn encode(claims: &[Claim]) -> Bytes {
    let mut out = BytesMut::with_capacity(4 + claims.len() * 96);
    out.put_u32(claims.len() as u32);
    for claim in claims {
        out.put_slice(&claim.group.to_bytes());
        out.put_u64(claim.leader.map_or(0, |leader| leader.0));
        out.put_u64(claim.boot.0);
        out.put_u64(claim.term);
        out.put_i64(claim.log_end);
        out.put_u32(claim.isr.len() as u32);
        claim.isr.iter().for_each(|node| out.put_u64(node.0));
    }
    out.freeze()
}

/// The reverse of [`encode`].
pub(in crate::node::raft) fn decode(reader: &mut Reader) -> Result<Vec<Claim>, Malformed> {
    let count = reader.count(GroupId::LEN + 36)?;
    (0..count).map(|_| decode_one(reader)).collect()
}

fn decode_one(reader: &mut Reader) -> Result<Claim, Malformed> {
    let group = reader.group()?;
    let leader = Some(reader.u64()?)
        .filter(|leader| *leader != 0)
        .map(NodeId);
    let boot = BootId(reader.u64()?);
    let term = reader.u64()?;
    let log_end = reader.u64()? as i64;
    let replicas = reader.count(8)?;
    let isr = (0..replicas)
        .map(|_| reader.u64().map(NodeId))
        .collect::<Result<_, _>>()?;
    Ok(Claim {
        group,
        leader,
        boot,
        term,
        isr,
        log_end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::link::PeerState;

    fn claim(leader: u64, term: u64) -> Claim {
        Claim {
            group: GroupId::METADATA,
            leader: Some(NodeId(leader)).filter(|leader| leader.0 != 0),
            boot: BootId(9),
            term,
            isr: vec![NodeId(1), NodeId(2)],
            log_end: -1,
        }
    }

    #[test]
    fn a_lower_term_is_never_believed_again() {
        let claims = Claims::default();
        claims.take(claim(1, 5));
        claims.take(claim(2, 4));
        assert_eq!(
            claims.get(GroupId::METADATA).unwrap().leader,
            Some(NodeId(1))
        );
        claims.take(claim(2, 6));
        assert_eq!(
            claims.get(GroupId::METADATA).unwrap().leader,
            Some(NodeId(2))
        );
    }

    #[test]
    fn who_stepped_down_does_not_come_back_in_its_term() {
        let claims = Claims::default();
        claims.take(claim(1, 5));
        claims.take(claim(0, 5));
        claims.take(claim(1, 5));
        assert_eq!(claims.get(GroupId::METADATA).unwrap().leader, None);
    }

    #[test]
    fn only_news_wakes_the_watchers() {
        let claims = Claims::default();
        let mut changes = claims.watch();
        claims.take(claim(1, 5));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        claims.take(Claim {
            log_end: 77,
            ..claim(1, 5)
        });
        assert!(!changes.has_changed().unwrap());
        assert_eq!(claims.get(GroupId::METADATA).unwrap().log_end, 77);
    }

    #[test]
    fn a_restarted_leader_leads_no_more() {
        let me = (NodeId(2), BootId(1));
        let mut peers = PeerTable::default();
        let peer = PeerState {
            linked: true,
            alive: true,
            boot: Some(BootId(9)),
            hears: [NodeId(1)].into(),
            leaving: false,
            reason: None,
        };
        peers.peers.insert(NodeId(1), peer.clone());
        assert!(claim(1, 5).stands(me, &peers));
        peers.peers.insert(
            NodeId(1),
            PeerState {
                boot: Some(BootId(10)),
                ..peer
            },
        );
        assert!(!claim(1, 5).stands(me, &peers));
    }

    #[test]
    fn claims_survive_the_wire() {
        let sent = vec![claim(1, 5), claim(0, 6)];
        let mut reader = Reader::new(encode(&sent));
        assert_eq!(decode(&mut reader), Ok(sent));
        assert_eq!(reader.end(), Ok(()));
    }
}
