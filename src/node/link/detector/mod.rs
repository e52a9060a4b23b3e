//! The failure detector's core: events with their instants in, a table of peers out.
//!
//! It has no clock and does no I/O. Two ways lead to death. *Proof*: a link to or from the peer
//! was lost, no stream of the peer stands, and an attempt that began after the loss ended
//! (refused, reset, end of file) before the peer's HELLO: nothing listens there any more.
//! *Silence*: no ping for dead-after. Silence is counted on this node's own clock only while this
//! node keeps time itself: when it is late for an appointment that it made with its timer, every
//! peer is granted the same lateness, so that a starved observer suspects itself first.
//!
//! A HELLO and a ping are both proof of life and undo a death.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{PeerState, PeerTable};
use crate::spec::{BootId, NodeId, defaults};

/// Lateness below this is a timer's ordinary grain and is not granted to anybody.
const TIMER_GRAIN: Duration = Duration::from_millis(10);

/// A ping that comes in this long before our own are due sends them now. So the nodes of one
/// machine fall into step and wake it once for each round, not once for each node.
const IN_STEP: Duration = Duration::from_millis(25);

/// What happened to one peer.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// Our dialled control stream stands: the peer answered with its HELLO.
    Dialled {
        /// The peer's life.
        boot: BootId,
    },
    /// An attempt to dial ended before the peer's HELLO.
    Ended {
        /// When the attempt began.
        began: Instant,
        /// Why, in words.
        reason: String,
    },
    /// An attempt to dial had no answer in time: that proves nothing.
    Silent {
        /// What was waited for, in words.
        reason: String,
    },
    /// Our dialled control stream was lost.
    Lost {
        /// Why, in words.
        reason: String,
    },
    /// The peer dialled our control lane with a valid HELLO.
    Greeted {
        /// The peer's life.
        boot: BootId,
    },
    /// A control stream that the peer had dialled was lost.
    Left,
    /// A ping came in.
    Pinged {
        /// The life that sent it.
        boot: BootId,
        /// The sender is about to exit.
        leaving: bool,
        /// The nodes that the sender hears, in order.
        heard: Vec<NodeId>,
    },
}

/// What the shell has to do after an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Effects {
    /// The table changed.
    pub(super) publish: bool,
    /// The peers should know now what this node hears.
    pub(super) ping: bool,
    /// The peer should be dialled now.
    pub(super) redial: bool,
}

/// What the shell has to do when its timer went off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wake {
    /// The table changed.
    pub(super) publish: bool,
    /// A ping to everybody is due.
    pub(super) ping: bool,
    /// How late this node was for its appointment.
    pub(super) late: Duration,
    /// When to come back.
    pub(super) next: Instant,
}

/// All peers of one node.
pub(super) struct Detector {
    peers: BTreeMap<NodeId, Peer>,
    /// When the next ping is due.
    ping_at: Instant,
    /// When the shell was told to come back.
    appointment: Instant,
}

struct Peer {
    boot: Option<BootId>,
    /// Our dialled stream stands.
    out: bool,
    /// Standing streams that the peer dialled; for a moment there can be two.
    inbound: usize,
    /// The first loss since the peer was last heard.
    lost_at: Option<Instant>,
    /// Silence until then means dead.
    deadline: Instant,
    heard_at: Option<Instant>,
    life: Life,
    leaving: bool,
    hears: BTreeSet<NodeId>,
    /// How our dialling fares, in words.
    reason: Option<String>,
}

/// What is held of a peer's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Not known to be dead.
    Alive,
    /// The same; since it was last heard, our lateness has once earned it a ping interval.
    Reprieved,
    /// Proven dead, or silent for too long.
    Dead,
}

impl Detector {
    /// Nobody is known to be dead yet: silence is counted from `now`.
    pub(super) fn new(peers: impl IntoIterator<Item = NodeId>, now: Instant) -> Self {
        let peers = peers.into_iter().map(|id| (id, Peer::new(now))).collect();
        Self {
            peers,
            ping_at: now,
            appointment: now,
        }
    }

    /// The table as of the last event.
    pub(super) fn table(&self) -> PeerTable {
        let peers = self.peers.iter().map(|(id, peer)| (*id, peer.state(*id)));
        PeerTable {
            peers: peers.collect(),
        }
    }

    /// The peers whose pings are heard now, in order.
    pub(super) fn heard(&self) -> impl Iterator<Item = NodeId> {
        let heard = self.peers.iter().filter(|(_, peer)| peer.is_heard());
        heard.map(|(id, _)| *id)
    }

    /// When the peer was last heard (a ping or its HELLO).
    pub(super) fn heard_at(&self, peer: NodeId) -> Option<Instant> {
        self.peers.get(&peer)?.heard_at
    }

    /// Takes in one event; a peer that is not of this cluster changes nothing.
    pub(super) fn on(&mut self, id: NodeId, now: Instant, event: Event) -> Effects {
        let Some(peer) = self.peers.get_mut(&id) else {
            return Effects::default();
        };
        let was_heard = peer.is_heard();
        let is_ping = matches!(event, Event::Pinged { .. });
        let mut effects = peer.on(now, event);
        effects.ping |= peer.is_heard() != was_heard;
        effects.ping |= is_ping && now + IN_STEP >= self.ping_at;
        if effects.ping {
            self.ping_at = now + defaults::PING_EVERY;
        }
        effects
    }

    /// The timer went off: counts silence, grants lateness, says when to come back.
    pub(super) fn wake(&mut self, now: Instant) -> Wake {
        let late = now.saturating_duration_since(self.appointment);
        self.grant(now, late);
        let mut died = false;
        for peer in self.peers.values_mut() {
            died |= peer.expire(now);
        }
        let ping_due = now >= self.ping_at;
        if ping_due {
            self.ping_at = now.max(self.ping_at) + defaults::PING_EVERY;
        }
        let alive = self.peers.values().filter(|peer| peer.is_alive());
        let deadline = alive.map(|peer| peer.deadline).min();
        self.appointment = deadline.map_or(self.ping_at, |at| at.min(self.ping_at));
        Wake {
            publish: died,
            ping: ping_due || died,
            late,
            next: self.appointment,
        }
    }

    fn grant(&mut self, now: Instant, late: Duration) {
        if late <= TIMER_GRAIN {
            return;
        }
        for peer in self.peers.values_mut() {
            peer.grant(now, late);
        }
    }
}

impl Peer {
    fn new(now: Instant) -> Self {
        Self {
            boot: None,
            out: false,
            inbound: 0,
            lost_at: None,
            deadline: now + defaults::DEAD_AFTER,
            heard_at: None,
            life: Life::Alive,
            leaving: false,
            hears: BTreeSet::new(),
            reason: Some("not dialled yet".to_owned()),
        }
    }

    fn state(&self, id: NodeId) -> PeerState {
        let linked = self.out && self.inbound > 0;
        let reason = match (linked, self.out) {
            (true, _) => None,
            (false, true) => Some(format!("{id} has not dialled back")),
            (false, false) => self.reason.clone(),
        };
        PeerState {
            linked,
            alive: self.is_alive(),
            boot: self.boot,
            hears: self.hears.clone(),
            leaving: self.leaving,
            reason,
        }
    }

    fn is_heard(&self) -> bool {
        self.heard_at.is_some() && self.is_alive()
    }

    fn is_alive(&self) -> bool {
        self.life != Life::Dead
    }

    fn on(&mut self, now: Instant, event: Event) -> Effects {
        match event {
            Event::Dialled { boot } => self.dialled(now, boot),
            Event::Ended { began, reason } => self.ended(began, reason),
            Event::Silent { reason } => Effects::published(self.explain(reason)),
            Event::Lost { reason } => self.lost(now, reason),
            Event::Greeted { boot } => self.greeted(now, boot),
            Event::Left => self.left(now),
            Event::Pinged {
                boot,
                leaving,
                heard,
            } => self.pinged(now, boot, leaving, &heard),
        }
    }

    fn dialled(&mut self, now: Instant, boot: BootId) -> Effects {
        assert!(!self.out, "one dialled control stream at a time");
        self.out = true;
        self.reason = None;
        self.hello(now, boot);
        Effects {
            publish: true,
            ping: true,
            redial: false,
        }
    }

    fn greeted(&mut self, now: Instant, boot: BootId) -> Effects {
        self.inbound += 1;
        self.hello(now, boot);
        Effects {
            publish: true,
            ping: false,
            redial: !self.out,
        }
    }

    fn left(&mut self, now: Instant) -> Effects {
        assert!(self.inbound > 0, "a stream is lost once");
        self.inbound -= 1;
        self.suspect(now);
        Effects {
            publish: self.inbound == 0,
            ping: true,
            redial: !self.out,
        }
    }

    fn lost(&mut self, now: Instant, reason: String) -> Effects {
        assert!(self.out, "a stream is lost once");
        self.out = false;
        self.reason = Some(reason);
        self.suspect(now);
        Effects {
            publish: true,
            ping: true,
            redial: false,
        }
    }

    /// An attempt that ended is proof of death after a loss, when nothing of the peer stands.
    fn ended(&mut self, began: Instant, reason: String) -> Effects {
        let explained = self.explain(reason);
        let after_loss = self.lost_at.is_some_and(|lost| began >= lost);
        let died = after_loss && self.inbound == 0 && self.die();
        Effects::published(explained || died)
    }

    fn pinged(&mut self, now: Instant, boot: BootId, leaving: bool, heard: &[NodeId]) -> Effects {
        if self.boot != Some(boot) {
            return Effects::default();
        }
        let mut changed = !self.is_alive() || self.leaving != leaving;
        self.live(now);
        self.leaving = leaving;
        if !self.hears.iter().eq(heard) {
            self.hears = heard.iter().copied().collect();
            changed = true;
        }
        Effects::published(changed)
    }

    /// A HELLO is proof of life; one of a new life forgets what the last one said.
    fn hello(&mut self, now: Instant, boot: BootId) {
        if self.boot != Some(boot) {
            self.boot = Some(boot);
            self.hears.clear();
            self.leaving = false;
        }
        self.live(now);
    }

    fn live(&mut self, now: Instant) {
        self.life = Life::Alive;
        self.lost_at = None;
        self.heard_at = Some(now);
        self.deadline = now + defaults::DEAD_AFTER;
    }

    fn suspect(&mut self, now: Instant) {
        self.lost_at.get_or_insert(now);
    }

    /// Moves the deadline by our own lateness; its pings may wait unread in our sockets, so the
    /// first time there is a moment to read them, however little was left.
    fn grant(&mut self, now: Instant, late: Duration) {
        self.deadline = (self.deadline + late).min(now + defaults::DEAD_AFTER);
        let moment = now + defaults::PING_EVERY;
        if self.deadline < moment && self.life == Life::Alive {
            self.life = Life::Reprieved;
            self.deadline = moment;
        }
    }

    fn expire(&mut self, now: Instant) -> bool {
        now >= self.deadline && self.die()
    }

    /// Whether it was alive until now.
    fn die(&mut self) -> bool {
        self.hears.clear();
        std::mem::replace(&mut self.life, Life::Dead) != Life::Dead
    }

    fn explain(&mut self, reason: String) -> bool {
        if self.reason.as_ref() == Some(&reason) {
            return false;
        }
        self.reason = Some(reason);
        true
    }
}

impl Effects {
    fn published(publish: bool) -> Self {
        Self {
            publish,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
