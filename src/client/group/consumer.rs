//! A reader that shares a topic with the other members of its group, and that its owner drives.
//!
//! ```text
//! Seeking ──▶ Joining ──▶ Reading, with a heartbeat and a commit now and then
//!    ▲           ▲            │
//!    │           └────────────┤ the group rebalances
//!    └────────────────────────┘ the coordinator is lost
//! ```
//! What the owner has dealt with ([`GroupConsumer::done`]) is what gets committed, nothing else.
//! Each setback is told before it is mended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

use super::member::{Member, Membership, Patience, Setback};
use crate::client::consumer::{
    ConsumeError, Consumed, Consumer, ConsumerSettings, End, Partitions, Start,
};
use crate::client::error::CallError;

/// What brokers take at least by default: a member that was killed is missed soonest.
const PATIENCE: Patience = Patience {
    session: Duration::from_secs(6),
    rebalance: Duration::from_secs(6),
    // Another client's member may let the group wait for as long as it likes.
    join: Duration::from_mins(1),
    answer: Duration::from_secs(5),
};
/// Heartbeats and commits: a rebalance is noticed this late at most.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Between two attempts to find the coordinator.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What to read, and with whom.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// Whom to ask first.
    pub bootstrap: Vec<SocketAddr>,
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Where reading begins in partitions for which the group has committed nothing.
    pub start: Start,
    /// After so long without a coordinator, or without a fetch of a partition, reading ends.
    pub give_up_after: Duration,
}

/// What reading in a group tells.
#[derive(Debug)]
pub enum GroupTold {
    /// This member has these partitions from now on.
    Assigned {
        /// The group's generation.
        generation: i32,
        /// The partitions.
        partitions: Vec<u32>,
    },
    /// Something of the records.
    Consumed(Consumed),
    /// The group rebalances or its coordinator is lost; this member sees to it.
    Setback(Setback),
}

/// Why reading in a group cannot begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The records.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// The group does not take this member.
    #[error("group {group:?} does not take this consumer: {source}")]
    Refused {
        /// The group.
        group: String,
        /// Its reason.
        source: CallError,
    },
    /// Nobody coordinates the group.
    #[error("group {group:?} cannot be joined: {source}")]
    Stuck {
        /// The group.
        group: String,
        /// The last failure.
        source: CallError,
    },
}

/// Where a member stands.
enum State {
    /// It looks for the coordinator.
    Seeking(Membership),
    /// It has one, and belongs to no generation.
    Joining(Member),
    /// It belongs to a generation.
    Reading(Box<Reading>),
}

/// One generation.
struct Reading {
    member: Member,
    /// `None` where this member has no partitions.
    consumer: Option<Consumer>,
    /// What was dealt with and is not committed: the offsets to go on from.
    done: BTreeMap<u32, i64>,
    beat: Interval,
}

/// Reads one topic as a member of a group.
///
/// Dropping it leaves the group to find out by itself; [`GroupConsumer::leave`] tells it.
pub struct GroupConsumer {
    settings: GroupSettings,
    state: State,
    turn: usize,
    /// What was dealt with in the last generation, and that generation could not commit.
    carried: BTreeMap<u32, i64>,
    /// When it last belonged to the group.
    good: Instant,
}

impl GroupConsumer {
    /// A member that has yet to join.
    pub fn new(settings: GroupSettings) -> Self {
        Self {
            settings,
            state: State::Seeking(Membership::default()),
            turn: 0,
            carried: BTreeMap::new(),
            good: Instant::now(),
        }
    }

    /// Waits for the next thing to tell; it can be dropped while it waits.
    pub async fn next(&mut self) -> Result<GroupTold, GroupError> {
        let setback = match &mut self.state {
            State::Seeking(_) => self.seek().await?,
            State::Joining(member) => match enter(&self.settings, member, &self.carried).await {
                Ok((partitions, consumer)) => return Ok(self.begin(partitions, consumer)),
                Err(Hindrance::Fatal(error)) => return Err(error.into()),
                Err(Hindrance::Setback(setback)) => Some(setback),
            },
            State::Reading(reading) => match reading.next(&self.settings.topic).await {
                Ok(told) => return Ok(GroupTold::Consumed(told)),
                Err(Hindrance::Fatal(error)) => return Err(error.into()),
                Err(Hindrance::Setback(setback)) => Some(setback),
            },
        };
        match setback {
            Some(setback) => self.fall_back(setback).map(GroupTold::Setback),
            // The coordinator is found: on to the next step.
            None => Box::pin(self.next()).await,
        }
    }

    /// Notes that the owner has dealt with a partition's records before `next`.
    pub fn done(&mut self, partition: u32, next: i64) {
        if let State::Reading(reading) = &mut self.state {
            reading.done.insert(partition, next);
        }
    }

    /// Commits what is dealt with, and leaves the group.
    pub async fn leave(self) -> Result<(), CallError> {
        match self.state {
            State::Seeking(_) => Ok(()),
            State::Joining(member) => member.leave().await,
            State::Reading(mut reading) => {
                let committed = reading.commit(&self.settings.topic).await;
                let left = reading.member.leave().await;
                committed.map_err(Setback::into_source)?;
                left
            }
        }
    }

    /// Asks the brokers in turn who coordinates the group.
    async fn seek(&mut self) -> Result<Option<Setback>, GroupError> {
        let State::Seeking(who) = &self.state else {
            return Ok(None);
        };
        let who = who.clone();
        let asked = self.settings.bootstrap[self.turn % self.settings.bootstrap.len()];
        if self.turn > 0 {
            sleep(RETRY_PAUSE).await;
        }
        self.turn += 1;
        match Member::find(asked, &self.settings.group, who, PATIENCE).await {
            Ok(member) => {
                self.state = State::Joining(member);
                Ok(None)
            }
            Err(error) => Ok(Some(Setback::Seek(error))),
        }
    }

    fn begin(&mut self, partitions: Vec<u32>, consumer: Option<Consumer>) -> GroupTold {
        self.good = Instant::now();
        self.carried.clear();
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let joining = std::mem::replace(&mut self.state, State::Seeking(Membership::default()));
        let State::Joining(member) = joining else {
            unreachable!("a generation begins with joining");
        };
        let generation = member.who().generation;
        self.state = State::Reading(Box::new(Reading {
            member,
            // Where it begins is committed, too: who comes next begins there as well.
            done: consumer.iter().flat_map(Consumer::positions).collect(),
            consumer,
            beat,
        }));
        GroupTold::Assigned {
            generation,
            partitions,
        }
    }

    /// Goes as far back as a setback asks for; an error once that was too often in vain.
    fn fall_back(&mut self, setback: Setback) -> Result<Setback, GroupError> {
        let group = || self.settings.group.clone();
        let member = match std::mem::replace(&mut self.state, State::Seeking(Membership::default()))
        {
            State::Reading(reading) => {
                self.good = Instant::now();
                self.carried = reading.done;
                Ok(reading.member)
            }
            State::Joining(member) => Ok(member),
            State::Seeking(who) => Err(who),
        };
        match &setback {
            Setback::Refused(source) => {
                let (group, source) = (group(), source.clone());
                return Err(GroupError::Refused { group, source });
            }
            Setback::Seek(source) | Setback::Rejoin(source)
                if self.good.elapsed() > self.settings.give_up_after =>
            {
                let (group, source) = (group(), source.clone());
                return Err(GroupError::Stuck { group, source });
            }
            _ => {}
        }
        self.state = match (&setback, member) {
            (Setback::Rejoin(_), Ok(member)) => State::Joining(member),
            // The next coordinator knows this member by the same name.
            (_, Ok(member)) => State::Seeking(member.who().clone()),
            (_, Err(who)) => State::Seeking(who),
        };
        Ok(setback)
    }
}

/// What is in the way.
enum Hindrance {
    Setback(Setback),
    Fatal(ConsumeError),
}

impl From<Setback> for Hindrance {
    fn from(setback: Setback) -> Self {
        Self::Setback(setback)
    }
}

/// Joins, and opens a consumer of this member's share where the group left off.
///
/// `carried` is what this member has dealt with beyond what is committed.
async fn enter(
    settings: &GroupSettings,
    member: &mut Member,
    carried: &BTreeMap<u32, i64>,
) -> Result<(Vec<u32>, Option<Consumer>), Hindrance> {
    let partitions = member.join(&settings.topic).await?;
    if partitions.is_empty() {
        return Ok((partitions, None));
    }
    let mut offsets = member.committed(&settings.topic, &partitions).await?;
    for (partition, offset) in &mut offsets {
        *offset = (*offset).max(carried.get(partition).copied());
    }
    let settings = ConsumerSettings {
        bootstrap: settings.bootstrap.clone(),
        topic: settings.topic.clone(),
        partitions: Partitions::From(offsets),
        start: settings.start,
        end: End::Never,
        // A member that waits sends no heartbeat: it joins anew instead.
        place_within: Duration::ZERO,
        give_up_after: settings.give_up_after,
    };
    let consumer = Consumer::open(settings).await.map_err(hindrance)?;
    Ok((partitions, Some(consumer)))
}

/// A leader that is on its way elsewhere is no reason to end.
fn hindrance(error: ConsumeError) -> Hindrance {
    match error {
        ConsumeError::Offsets { source, .. } | ConsumeError::Unplaced { source, .. } => {
            Hindrance::Setback(Setback::Seek(source))
        }
        other => Hindrance::Fatal(other),
    }
}

impl Reading {
    /// The next records, between heartbeats.
    async fn next(&mut self, topic: &str) -> Result<Consumed, Hindrance> {
        loop {
            tokio::select! {
                biased;
                _ = self.beat.tick() => {
                    let beaten = self.member.heartbeat().await;
                    if !matches!(beaten, Err(Setback::Seek(_))) {
                        // Before a rebalance, too: this generation lasts until it is joined.
                        self.commit(topic).await?;
                    }
                    beaten?;
                }
                told = read(&mut self.consumer) => match told.map_err(Hindrance::Fatal)? {
                    Some(told) => return Ok(told),
                    // Reading has no end here; without a share there is only the heartbeat.
                    None => self.consumer = None,
                },
            }
        }
    }

    async fn commit(&mut self, topic: &str) -> Result<(), Setback> {
        if self.done.is_empty() {
            return Ok(());
        }
        let answer = self.member.commit(topic, &self.done).await;
        self.member.settle(&answer)?;
        self.done.clear();
        Ok(())
    }
}

async fn read(consumer: &mut Option<Consumer>) -> Result<Option<Consumed>, ConsumeError> {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}

impl Setback {
    fn into_source(self) -> CallError {
        match self {
            Self::Rejoin(source) | Self::Seek(source) | Self::Refused(source) => source,
        }
    }
}
