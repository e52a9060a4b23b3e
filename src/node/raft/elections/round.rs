//! The node's one election task: watches peers, claims and groups, and lets groups stand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::{mpsc, watch};

use super::candidacy::{Candidacy, SameLife, View};
use crate::node::link::{Links, PeerTable, Service};
use crate::node::raft::announcer::claims_message;
use crate::node::raft::claims::{Claim, Claims};
use crate::node::raft::group::Group;
use crate::node::raft::host::Host;
use crate::node::raft::inbox::Survivors;
use crate::node::raft::wire::{self, Malformed, Reader};
use crate::node::storage::LogPosition;
use crate::spec::{BootId, GroupId, NodeId};

/// The gossip tag of a survivor's words.
pub(in crate::node::raft) const TAG: u8 = 2;
/// An elected leader commits its first entry within milliseconds, or a disk or a link is in its way.
const CLAIM_PATIENCE: Duration = Duration::from_secs(1);
/// Groups of a node that stand at once, beside the metadata group: after a start all of them want
/// to, and elections that cannot be held in time would only depose each other.
const AT_ONCE: usize = 64;
/// Where more want to, the task looks again after this, unless one is won before.
const CROWDED: Duration = Duration::from_millis(5);
/// A look that is shorter needs no rest after it.
const SHORT: Duration = Duration::from_micros(500);
/// Without news the task looks again this often: the slow backstop behind the detector.
const BACKSTOP: Duration = Duration::from_secs(1);

type Ends = Vec<(GroupId, Option<LogPosition>)>;

/// Where a survivor's logs end.
pub(in crate::node::raft) struct Words {
    pub(in crate::node::raft) from: NodeId,
    pub(in crate::node::raft) ends: Ends,
}

/// Lets the groups of this node stand for election when their leaders are gone.
pub(in crate::node) struct Elections {
    me: (NodeId, BootId),
    host: Host,
    claims: Claims,
    links: Links,
    peers: watch::Receiver<PeerTable>,
    words: mpsc::Receiver<Words>,
    leaving: watch::Receiver<bool>,
    stir: watch::Receiver<u64>,
    open: HashMap<GroupId, Candidacy>,
    /// The terms whose elected leaders have claimed nothing yet, and since when.
    unclaimed: HashMap<GroupId, (u64, Instant)>,
}

/// Whether every group stood whose turn it was.
enum Turnout {
    All,
    /// Some have to wait for others.
    Crowded,
}

/// What the election task is made of.
pub(in crate::node) struct Parts {
    /// This node and this life of it.
    pub(in crate::node) me: (NodeId, BootId),
    /// The groups.
    pub(in crate::node) host: Host,
    /// Who claims what.
    pub(in crate::node) claims: Claims,
    /// The way to the peers.
    pub(in crate::node) links: Links,
    /// True when this node is leaving: it stands no more.
    pub(in crate::node) leaving: watch::Receiver<bool>,
    /// Counts leaders lost.
    pub(in crate::node) stir: watch::Receiver<u64>,
}

impl Elections {
    pub(in crate::node) fn new(parts: Parts, survivors: Survivors) -> Self {
        let Parts {
            me,
            host,
            claims,
            links,
            leaving,
            stir,
        } = parts;
        let peers = links.peers();
        let Survivors(words) = survivors;
        Self {
            me,
            host,
            claims,
            links,
            peers,
            words,
            leaving,
            stir,
            open: HashMap::new(),
            unclaimed: HashMap::new(),
        }
    }

    /// Runs until the links close.
    pub(in crate::node) async fn run(mut self) {
        let mut groups = self.host.watch();
        let mut claims = self.claims.watch();
        let mut earliest = Instant::now();
        let mut rested = earliest;
        loop {
            let wake = self.open.values().map(Candidacy::wake_at).min();
            let wake = wake.unwrap_or_else(|| Instant::now() + BACKSTOP);
            let wake = wake.max(earliest);
            let news = tokio::select! {
                changed = self.peers.changed() => changed.is_ok(),
                changed = claims.changed() => changed.is_ok(),
                changed = groups.changed() => changed.is_ok(),
                changed = self.stir.changed() => changed.is_ok(),
                words = self.words.recv() => { words.is_some_and(|words| self.hear(words)) }
                () = tokio::time::sleep_until(wake.into()) => true,
                changed = self.leaving.changed() => changed.is_ok(),
            };
            if !news {
                return;
            }
            if *self.leaving.borrow() {
                self.open.clear();
                continue;
            }
            tokio::time::sleep_until(rested.into()).await;
            while let Ok(words) = self.words.try_recv() {
                self.hear(words);
            }
            let began = Instant::now();
            let turnout = self.look().await;
            let ended = Instant::now();
            rested = rest(began, ended);
            earliest = match turnout {
                Turnout::All => ended,
                Turnout::Crowded => ended + CROWDED,
            };
        }
    }

    fn hear(&mut self, words: Words) -> bool {
        let now = Instant::now();
        self.answer(&words);
        for (group, end) in words.ends {
            let candidacy = self
                .open
                .entry(group)
                .or_insert_with(|| Candidacy::heard_of(now));
            candidacy.note(words.from, end);
        }
        true
    }

    /// A node that looks for a leader where this node knows one is told who it is.
    fn answer(&self, words: &Words) {
        let peers = self.peers.borrow();
        let known = words
            .ends
            .iter()
            .filter_map(|(group, _)| self.claims.get(*group));
        let standing: Vec<Claim> = known
            .filter(|claim| claim.stands(self.me, &peers))
            .collect();
        if !standing.is_empty() {
            let payload = claims_message(&standing);
            self.links
                .cast(words.from, Service::Gossip, GroupId::METADATA, payload);
        }
    }

    /// Opens, decides and closes candidacies, and stands where it is this node's turn.
    async fn look(&mut self) -> Turnout {
        let peers = self.peers.borrow_and_update().clone();
        let now = Instant::now();
        let groups = self.host.all();
        self.forget_others(&groups);
        let (mut free, mut crowded) = (self.free(now), false);
        let mut to_tell: BTreeMap<NodeId, Ends> = BTreeMap::new();
        let mut to_stand = Vec::new();
        for group in groups {
            let end = group.log().state().last;
            let elected = self.elected(&group, now);
            let view = self.view(&group, &peers, elected);
            if group.standing().leads || end.is_none() || group.repairing() || !view.may_stand() {
                self.close(group.id(), now);
                continue;
            }
            let (term, claimed) = (group.standing().term, self.claimed(&group));
            let candidacy = self
                .open
                .entry(group.id())
                .or_insert_with(|| Candidacy::heard_of(now));
            candidacy.opens(now, &view);
            candidacy.give_way(term, claimed, now, rand::random());
            candidacy.decide(now, &view, end, rand::random());
            let due = candidacy.due(now) && (group.id().is_metadata() || free > 0);
            crowded |= candidacy.due(now) && !due;
            if due {
                candidacy.again(term + 1, now, rand::random());
                free = free.saturating_sub(1);
            }
            // Said again with a stand: it wakes who has stepped down because of one.
            for peer in candidacy.untold(&view) {
                to_tell.entry(peer).or_default().push((group.id(), end));
            }
            if due {
                to_stand.push(group);
            }
        }
        for (peer, ends) in &to_tell {
            self.links
                .cast(*peer, Service::Gossip, GroupId::METADATA, encode(ends));
        }
        for group in to_stand {
            tracing::info!(group = %group.id(), "standing for election");
            group.stand().await;
        }
        if crowded {
            Turnout::Crowded
        } else {
            Turnout::All
        }
    }

    /// Groups that were here may be gone.
    fn forget_others(&mut self, groups: &[Arc<Group>]) {
        let ids: HashSet<GroupId> = groups.iter().map(|group| group.id()).collect();
        self.open.retain(|id, _| ids.contains(id));
        self.unclaimed.retain(|id, _| ids.contains(id));
    }

    /// How many more groups may stand.
    fn free(&self, now: Instant) -> usize {
        let standing = self.open.values().filter(|one| one.stands(now));
        AT_ONCE.saturating_sub(standing.count())
    }

    /// There is nothing to stand for here; words that came early are kept for a moment, since
    /// this node may be the last to notice.
    fn close(&mut self, group: GroupId, now: Instant) {
        if self
            .open
            .get(&group)
            .is_some_and(|candidacy| candidacy.is_over(now))
        {
            self.open.remove(&group);
        }
    }

    /// The leader that Raft names in a term that nobody has claimed yet. It gets
    /// [`CLAIM_PATIENCE`] to commit an entry of its own: one that cannot is no leader.
    fn elected(&mut self, group: &Group, now: Instant) -> Option<NodeId> {
        let standing = group.standing();
        if standing.leader.is_none() || standing.term <= self.claimed(group) {
            self.unclaimed.remove(&group.id());
            return None;
        }
        let seen = self
            .unclaimed
            .entry(group.id())
            .or_insert((standing.term, now));
        if seen.0 != standing.term {
            *seen = (standing.term, now);
        }
        standing.leader.filter(|_| now < seen.1 + CLAIM_PATIENCE)
    }

    fn view<'a>(
        &self,
        group: &'a Group,
        peers: &'a PeerTable,
        elected: Option<NodeId>,
    ) -> View<'a> {
        let claim = self.claims.get(group.id());
        let leader = match (elected, claim) {
            (Some(leader), _) if leader != self.me.0 => Some((leader, SameLife::Yes)),
            (_, Some(claim)) => claim
                .leader
                .map(|leader| (leader, self.life_of(leader, &claim, peers))),
            _ => None,
        };
        View {
            me: self.me.0,
            voters: group.voters(),
            peers,
            leader,
        }
    }

    /// The last term whose leader was heard of, or that was over before this process started.
    fn claimed(&self, group: &Group) -> u64 {
        let claim = self.claims.get(group.id());
        claim.map_or(0, |claim| claim.term).max(group.first_term())
    }

    fn life_of(&self, leader: NodeId, claim: &Claim, peers: &PeerTable) -> SameLife {
        let boot = if leader == self.me.0 {
            Some(self.me.1)
        } else {
            peers.peers.get(&leader).and_then(|peer| peer.boot)
        };
        if boot == Some(claim.boot) {
            SameLife::Yes
        } else {
            SameLife::No
        }
    }
}

/// When to look next at the earliest. Each of many groups brings news, and each look sees all of
/// them: looking takes a fifth of the time at most.
fn rest(began: Instant, ended: Instant) -> Instant {
    let took = ended - began;
    if took < SHORT {
        ended
    } else {
        ended + took * 4
    }
}

fn encode(ends: &[(GroupId, Option<LogPosition>)]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + ends.len() * 37);
    out.put_u8(TAG);
    out.put_u32(ends.len() as u32);
    for (group, end) in ends {
        out.put_slice(&group.to_bytes());
        wire::put_optional(&mut out, *end, wire::put_position);
    }
    out.freeze()
}

/// The words of a survivor, behind their tag.
pub(in crate::node::raft) fn decode(from: NodeId, reader: &mut Reader) -> Result<Words, Malformed> {
    let count = reader.count(GroupId::LEN + 1)?;
    let one = |reader: &mut Reader| Ok((reader.group()?, reader.optional(Reader::position)?));
    let ends = (0..count)
        .map(|_| one(reader))
        .collect::<Result<_, Malformed>>()?;
    Ok(Words { from, ends })
}
