//! The decisions of an election round, without I/O or clock of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::node::link::PeerTable;
use crate::node::storage::LogPosition;
use crate::spec::{NodeId, defaults};

/// How long a candidate waits for the others' words before it decides without them.
const EXCHANGE: Duration = Duration::from_millis(15);
/// The same when no leader was ever heard of here: after a start, one may be about to say so.
const FIRST_EXCHANGE: Duration = Duration::from_millis(100);
/// A stand that led to nothing is repeated after this much, and up to as much again.
const RETRY: Duration = Duration::from_millis(150);
/// Each further stand of a group waits twice as long as the one before, at most so often: where
/// many groups stand at once, an election can take longer than the first pause.
const DOUBLINGS: u32 = 3;

/// What the voters of a group know of each other, seen from `me`.
pub(super) struct View<'a> {
    pub(super) me: NodeId,
    pub(super) voters: &'a [NodeId],
    pub(super) peers: &'a PeerTable,
    /// The last leader that was claimed, and whether its process is still in that life.
    pub(super) leader: Option<(NodeId, SameLife)>,
}

/// Whether the claimed leader's process is the one that claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SameLife {
    Yes,
    No,
}

impl View<'_> {
    /// The voters that this node hears, itself included.
    pub(super) fn heard(&self) -> BTreeSet<NodeId> {
        let heard = |voter: &NodeId| {
            // Alive by default is not heard: at start every peer is, for a moment.
            *voter == self.me
                || self
                    .peers
                    .peers
                    .get(voter)
                    .is_some_and(|peer| peer.alive && peer.boot.is_some())
        };
        self.voters.iter().copied().filter(heard).collect()
    }

    fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// Whether the claimed leader still does its work, as far as this node can tell.
    pub(super) fn leader_serves(&self) -> bool {
        let Some((leader, SameLife::Yes)) = self.leader else {
            return false;
        };
        if leader == self.me {
            return self.heard().len() >= self.majority();
        }
        let Some(peer) = self.peers.peers.get(&leader) else {
            return false;
        };
        let its_voters = self
            .voters
            .iter()
            .filter(|voter| peer.hears.contains(voter));
        // A peer that has pinged nobody yet has not said that it hears no majority.
        peer.alive && (peer.hears.is_empty() || its_voters.count() >= self.majority())
    }

    /// Whether this node may stand: it hears a majority, and none of those still hears the
    /// leader (unless the leader itself hears no majority).
    pub(super) fn may_stand(&self) -> bool {
        let heard = self.heard();
        if heard.len() < self.majority() || self.leader_serves() {
            return false;
        }
        let Some((leader, SameLife::Yes)) = self.leader else {
            return true;
        };
        if leader == self.me || heard.contains(&leader) {
            return true;
        }
        let hears_it = |voter: &NodeId| {
            self.peers
                .peers
                .get(voter)
                .is_some_and(|peer| peer.hears.contains(&leader))
        };
        !heard
            .iter()
            .any(|voter| *voter != self.me && hears_it(voter))
    }
}

/// One group's way to a new leader on this node.
#[derive(Debug)]
pub(super) struct Candidacy {
    /// Where the others' logs end, as they said since this candidacy began.
    ends: BTreeMap<NodeId, Option<LogPosition>>,
    told: BTreeSet<NodeId>,
    /// When the first word came; before this node saw the loss itself, perhaps.
    since: Instant,
    /// When the exchange is over; `None` until this node sees the loss itself.
    decide_at: Option<Instant>,
    /// Nothing is decided before: an election under way, or a better placed voter, has the word.
    hold_until: Option<Instant>,
    stand_at: Option<Instant>,
    /// This node's stands, and until when the last one may still be won.
    stands: u32,
    stood_until: Option<Instant>,
    /// The highest term of which this candidacy knows what came of it.
    term: u64,
}

impl Candidacy {
    pub(super) fn heard_of(now: Instant) -> Self {
        Self {
            ends: BTreeMap::new(),
            told: BTreeSet::new(),
            since: now,
            decide_at: None,
            hold_until: None,
            stand_at: None,
            stands: 0,
            stood_until: None,
            term: 0,
        }
    }

    /// Gives way to an election in a `term` that is newer than the `claimed` one and than this
    /// node's own stand: to stand against a vote just granted would only depose who wins it.
    pub(super) fn give_way(&mut self, term: u64, claimed: u64, now: Instant, jitter: f64) {
        if term > self.term.max(claimed) {
            self.term = term;
            self.start_over(now + RETRY.mul_f64(1.0 + jitter));
        }
    }

    /// Another exchange, after a pause: who was best placed may have changed.
    fn start_over(&mut self, pause: Instant) {
        self.ends.clear();
        self.told.clear();
        self.stand_at = None;
        self.hold_until = Some(pause);
        self.decide_at = Some(pause + EXCHANGE);
    }

    /// This node sees the loss: the exchange begins.
    pub(super) fn opens(&mut self, now: Instant, view: &View<'_>) {
        let exchange = if view.leader.is_some() {
            EXCHANGE
        } else {
            FIRST_EXCHANGE
        };
        self.decide_at.get_or_insert(now + exchange);
    }

    /// The voters that are heard and were not told yet where this node's log ends.
    pub(super) fn untold(&mut self, view: &View<'_>) -> Vec<NodeId> {
        let heard = view.heard().into_iter();
        heard
            .filter(|voter| *voter != view.me && self.told.insert(*voter))
            .collect()
    }

    /// Whether there is nothing left to wait for once the group has a leader again.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.decide_at.is_some() || now >= self.since + RETRY
    }

    /// Another survivor's word.
    pub(super) fn note(&mut self, from: NodeId, end: Option<LogPosition>) {
        self.ends.insert(from, end);
    }

    /// Fixes this node's turn once all that are heard have spoken, or the exchange is over. Where
    /// one of them has a longer log it is that one's turn: to stand in its way would only raise the
    /// term that it has to reach, again and again.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        view: &View<'_>,
        end: Option<LogPosition>,
        jitter: f64,
    ) {
        if self.stand_at.is_some() || self.hold_until.is_some_and(|until| now < until) {
            return;
        }
        let heard = view.heard();
        let mut others = heard.iter().filter(|voter| **voter != view.me);
        let complete = others.all(|voter| self.ends.contains_key(voter));
        if !complete && self.decide_at.is_none_or(|at| now < at) {
            return;
        }
        if self
            .ends
            .iter()
            .any(|(node, their)| heard.contains(node) && *their > end)
        {
            self.start_over(now + RETRY.mul_f64(1.0 + jitter));
        } else {
            self.stand_at = Some(now + defaults::NEXT_CANDIDATE * self.rank(view, end));
        }
    }

    /// How many survivors with an equal log come first: the earlier replicas.
    fn rank(&self, view: &View<'_>, end: Option<LogPosition>) -> u32 {
        let place = |node: NodeId| view.voters.iter().position(|voter| *voter == node);
        let heard = view.heard();
        let first = self.ends.iter().filter(|(node, their)| {
            heard.contains(node) && **their == end && place(**node) < place(view.me)
        });
        first.count() as u32
    }

    /// Whether it is this node's turn.
    pub(super) fn due(&self, now: Instant) -> bool {
        self.stand_at.is_some_and(|at| now >= at)
    }

    /// Starts over after a stand in `term`; `jitter` is in 0..1.
    pub(super) fn again(&mut self, term: u64, now: Instant, jitter: f64) {
        self.term = self.term.max(term);
        let longer = 1 << self.stands.min(DOUBLINGS);
        let pause = now + RETRY.mul_f64(1.0 + jitter) * longer;
        self.stands += 1;
        self.stood_until = Some(pause);
        self.start_over(pause);
    }

    /// Whether this node stands and the outcome is open.
    pub(super) fn stands(&self, now: Instant) -> bool {
        self.stood_until.is_some_and(|until| now < until)
    }

    /// When something has to be done next.
    pub(super) fn wake_at(&self) -> Instant {
        let decide_at = self
            .decide_at
            .map(|at| self.hold_until.map_or(at, |hold| at.max(hold)));
        self.stand_at.or(decide_at).unwrap_or(self.since + RETRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::link::PeerState;
    use crate::spec::BootId;

    const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    fn peer(alive: bool, hears: &[u64]) -> PeerState {
        PeerState {
            linked: alive,
            alive,
            boot: Some(BootId(1)),
            hears: hears.iter().copied().map(NodeId).collect(),
            leaving: false,
            reason: None,
        }
    }

    fn table(peers: &[(u64, PeerState)]) -> PeerTable {
        PeerTable {
            peers: peers
                .iter()
                .map(|(id, peer)| (NodeId(*id), peer.clone()))
                .collect(),
        }
    }

    fn view(me: u64, peers: &PeerTable, leader: u64) -> View<'_> {
        let leader = Some((NodeId(leader), SameLife::Yes));
        View {
            me: NodeId(me),
            voters: &VOTERS,
            peers,
            leader,
        }
    }

    fn opened(now: Instant) -> Candidacy {
        let peers = PeerTable::default();
        let mut candidacy = Candidacy::heard_of(now);
        candidacy.opens(now, &view(2, &peers, 1));
        candidacy
    }

    fn end(term: u64, index: u64) -> LogPosition {
        LogPosition { term, index }
    }

    #[test]
    fn a_dead_leader_that_nobody_hears_is_replaced() {
        let peers = table(&[(1, peer(false, &[1, 2, 3])), (3, peer(true, &[2, 3]))]);
        assert!(view(2, &peers, 1).may_stand());
    }

    #[test]
    fn one_cut_edge_deposes_nobody() {
        let peers = table(&[(1, peer(false, &[1, 3])), (3, peer(true, &[1, 2, 3]))]);
        assert!(!view(2, &peers, 1).may_stand());
    }

    #[test]
    fn an_isolated_node_never_stands() {
        let peers = table(&[(1, peer(false, &[1, 3])), (3, peer(false, &[1, 3]))]);
        assert!(!view(2, &peers, 1).may_stand());
        assert!(!view(2, &peers, 2).leader_serves());
    }

    #[test]
    fn a_leader_that_says_it_hears_no_majority_is_replaced() {
        let peers = table(&[(1, peer(true, &[1])), (3, peer(true, &[1, 2, 3]))]);
        assert!(view(2, &peers, 1).may_stand());
    }

    #[test]
    fn a_restarted_leader_is_replaced_though_it_is_heard() {
        let peers = table(&[(1, peer(true, &[1, 2, 3])), (3, peer(true, &[1, 2, 3]))]);
        let leader = Some((NodeId(1), SameLife::No));
        let restarted = View {
            me: NodeId(2),
            voters: &VOTERS,
            peers: &peers,
            leader,
        };
        assert!(restarted.may_stand());
        assert!(!view(2, &peers, 1).may_stand());
    }

    #[test]
    fn the_longest_log_stands_at_once_and_the_others_leave_it_to_stand() {
        let now = Instant::now();
        let peers = table(&[(1, peer(false, &[])), (3, peer(true, &[2, 3]))]);
        let mut shorter = opened(now);
        shorter.note(NodeId(3), Some(end(2, 9)));
        shorter.decide(now, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(!shorter.due(now + RETRY * 10));
        // The longer one fell silent: the next exchange ends without it.
        let later = now + RETRY + EXCHANGE;
        shorter.decide(later, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(shorter.due(later));
        let mut longer = opened(now);
        longer.note(NodeId(3), Some(end(1, 90)));
        longer.decide(now, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(longer.due(now));
    }

    #[test]
    fn an_election_under_way_is_given_time_once() {
        let now = Instant::now();
        let mut candidacy = opened(now);
        let peers = table(&[(1, peer(false, &[])), (3, peer(true, &[2, 3]))]);
        candidacy.give_way(6, 5, now, 0.0);
        candidacy.decide(now + EXCHANGE, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(!candidacy.due(now + EXCHANGE));
        let later = now + RETRY + EXCHANGE;
        candidacy.give_way(6, 5, later, 0.0);
        candidacy.decide(later, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(candidacy.due(later));
    }

    #[test]
    fn nobody_gives_way_to_the_dead_leader_or_to_itself() {
        let now = Instant::now();
        let mut candidacy = opened(now);
        let peers = table(&[(1, peer(false, &[])), (3, peer(true, &[2, 3]))]);
        candidacy.give_way(5, 5, now, 0.0);
        candidacy.decide(now + EXCHANGE, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(candidacy.due(now + EXCHANGE));
        candidacy.again(6, now, 0.0);
        let later = now + RETRY + EXCHANGE;
        candidacy.give_way(6, 5, later, 0.0);
        candidacy.decide(later, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(candidacy.due(later));
    }

    #[test]
    fn each_further_stand_waits_longer_up_to_a_bound() {
        let mut now = Instant::now();
        let mut candidacy = opened(now);
        for factor in [1, 2, 4, 8, 8] {
            candidacy.again(1, now, 0.0);
            assert!(candidacy.stands(now));
            assert_eq!(candidacy.wake_at(), now + RETRY * factor + EXCHANGE);
            now += RETRY * factor;
            assert!(!candidacy.stands(now), "the last stand is lost by then");
        }
    }

    #[test]
    fn equal_logs_are_ordered_by_replica() {
        let now = Instant::now();
        let peers = table(&[(1, peer(false, &[])), (2, peer(true, &[2, 3]))]);
        let mut second = opened(now);
        second.note(NodeId(2), Some(end(2, 8)));
        second.decide(now, &view(3, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(!second.due(now));
    }

    #[test]
    fn silence_of_the_others_is_not_waited_for_longer_than_the_exchange() {
        let now = Instant::now();
        let peers = table(&[(1, peer(false, &[])), (3, peer(true, &[2, 3]))]);
        let mut candidacy = opened(now);
        candidacy.decide(now, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(!candidacy.due(now));
        candidacy.decide(now + EXCHANGE, &view(2, &peers, 1), Some(end(2, 8)), 0.0);
        assert!(candidacy.due(now + EXCHANGE));
    }
}
