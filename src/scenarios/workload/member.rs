//! A reader that shares a topic's partitions with the other members of its group, and commits what
//! it has read.
//!
//! ```text
//! find the coordinator ─▶ join ─▶ sync ─▶ ask what is committed ─▶ read, commit, beat ─┐
//!          ▲                └────────────── the group rebalances ◀─────────────────────┤
//!          └───────────────────────── the coordinator is lost ◀────────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::OffsetCommitResponse;
use tokio::sync::watch;

use super::cursor::{Cursor, Reader, Source};
use super::route::{ATTEMPT_TIMEOUT, Brokers, RETRY_PAUSE, Route};
use super::wire::{self, Appetite};
use crate::client::group::{self, Membership, Patience, Setback, offsets};
use crate::client::{ClientError, ErrorCode};
use crate::scenarios::history::{
    Assignment, ClientId, Commit, CommitOutcome, Committed, Event, Micros, TopicPartition,
};

/// Heartbeats and commits.
const BEAT_EVERY: Duration = Duration::from_millis(100);
/// The least that brokers take by default; who does not come back soon is left out.
const PATIENCE: Patience = Patience {
    session: Duration::from_secs(6),
    rebalance: Duration::from_secs(3),
    join: Duration::from_secs(5),
    answer: ATTEMPT_TIMEOUT,
};
/// A member reads its partitions in turn, so that none may wait for long.
const APPETITE: Appetite = Appetite {
    bytes: 4 << 10,
    wait: Duration::from_millis(10),
    most: wire::FETCH_BYTES,
};

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) client: ClientId,
    pub(super) group: Arc<str>,
    pub(super) source: Source,
    pub(super) brokers: Brokers,
    stop: watch::Receiver<bool>,
    who: Membership,
    /// Where it was in which generation: the same one, met again, goes on there.
    held: (i32, BTreeMap<u32, i64>),
    turn: usize,
}

/// What a member does when it cannot read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Join the next generation.
    Join,
    /// Find the coordinator.
    Find,
    /// Leave the group.
    Leave,
}

impl From<Setback> for Next {
    fn from(setback: Setback) -> Self {
        match setback {
            Setback::Rejoin(_) => Self::Join,
            Setback::Seek(_) | Setback::Refused(_) => Self::Find,
        }
    }
}

impl Member {
    pub(super) fn new(
        client: ClientId,
        group: Arc<str>,
        source: Source,
        (brokers, stop): (Brokers, watch::Receiver<bool>),
    ) -> Self {
        Self {
            client,
            group,
            source,
            brokers,
            stop,
            who: Membership::default(),
            held: (-1, BTreeMap::new()),
            turn: 0,
        }
    }

    /// Reads until told to stop, then leaves the group.
    pub(super) async fn run(mut self) {
        while !self.is_told_to_stop() {
            let Some(mut member) = self.find().await else {
                continue;
            };
            let next = self.take_part(&mut member).await;
            self.who = member.who().clone();
            if next == Next::Leave {
                // A group that does not hear it will notice by the session's end.
                drop(member.leave().await);
            }
        }
    }

    fn is_told_to_stop(&self) -> bool {
        *self.stop.borrow()
    }

    /// Asks the brokers in turn who coordinates the group, and connects to that one.
    async fn find(&mut self) -> Option<group::Member> {
        tokio::time::sleep(RETRY_PAUSE).await;
        self.turn += 1;
        let turn = self.turn % self.brokers.len().max(1);
        let addr = *self.brokers.values().nth(turn)?;
        let found = group::Member::find(addr, &self.group, self.who.clone(), PATIENCE).await;
        found.ok()
    }

    /// Generation after generation, until the coordinator is lost or it is time to leave.
    async fn take_part(&mut self, member: &mut group::Member) -> Next {
        let mut stop = self.stop.clone();
        loop {
            let joined = tokio::select! {
                biased;
                _told = stop.wait_for(|stop| *stop) => return Next::Leave,
                joined = member.join(&self.source.topic) => joined,
            };
            let next = match joined {
                Ok(partitions) => self.read(member, partitions).await,
                Err(setback) => setback.into(),
            };
            if next != Next::Join {
                return next;
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// Reads one generation's partitions to its end.
    async fn read(&mut self, member: &mut group::Member, partitions: Vec<u32>) -> Next {
        let reader = Reader {
            client: self.client,
            assignment: Assignment::Group {
                group: Arc::clone(&self.group),
                generation: member.who().generation,
            },
        };
        let mut cursors = match self.cursors(member, &partitions).await {
            Ok(cursors) => cursors,
            Err(next) => return next,
        };
        let generation = member.who().generation;
        let next = self.read_on(member, &reader, &mut cursors).await;
        self.held = (generation, positions(&cursors));
        next
    }

    async fn read_on(
        &self,
        member: &mut group::Member,
        reader: &Reader,
        cursors: &mut [Cursor],
    ) -> Next {
        // Where it begins is what is committed, or nothing that was read.
        let mut committed = positions(cursors);
        let mut beat = Instant::now();
        while !self.is_told_to_stop() {
            for cursor in &mut *cursors {
                cursor.step(reader, APPETITE).await;
            }
            if cursors.is_empty() {
                tokio::time::sleep(APPETITE.wait).await;
            }
            if beat.elapsed() >= BEAT_EVERY {
                beat = Instant::now();
                if let Err(next) = self.keep_up(member, cursors, &mut committed).await {
                    return next;
                }
            }
        }
        Next::Leave
    }

    /// Where the group was; the start where it was nowhere.
    async fn cursors(
        &self,
        member: &mut group::Member,
        partitions: &[u32],
    ) -> Result<Vec<Cursor>, Next> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let sent = self.source.recorder.now();
        let told = member.committed(&self.source.topic, partitions).await?;
        let answered = self.source.recorder.now();
        let mut cursors = Vec::new();
        for (partition, offset) in told {
            let partition = TopicPartition(self.source.partition.0, partition);
            self.source.recorder.record(Event::Committed(Committed {
                client: self.client,
                group: Arc::clone(&self.group),
                partition,
                sent,
                answered,
                broker: member.coordinator(),
                offset,
            }));
            let position = self.position(member, partition.1, offset);
            cursors.push(self.cursor(partition, position));
        }
        Ok(cursors)
    }

    /// A generation that goes on after its coordinator was lost goes on where it was.
    fn position(&self, member: &group::Member, partition: u32, committed: Option<i64>) -> i64 {
        let (generation, positions) = &self.held;
        let held = positions.get(&partition).copied();
        let held = held.filter(|_| *generation == member.who().generation);
        held.or(committed).unwrap_or(0)
    }

    fn cursor(&self, partition: TopicPartition, position: i64) -> Cursor {
        let source = Source {
            partition,
            ..self.source.clone()
        };
        let leader = source.leaders.of(partition);
        Cursor {
            route: Route::new(Arc::clone(&self.brokers), leader, 0),
            source,
            position,
        }
    }

    /// Commits what was read since the last time, and says that this member lives.
    async fn keep_up(
        &self,
        member: &mut group::Member,
        cursors: &[Cursor],
        committed: &mut BTreeMap<u32, i64>,
    ) -> Result<(), Next> {
        let beaten = member.heartbeat().await;
        if let Err(Setback::Seek(_)) = beaten {
            return Err(Next::Find);
        }
        // What was read is committed before a rebalance, as long as this generation lasts.
        let moved: BTreeMap<u32, i64> = positions(cursors)
            .into_iter()
            .filter(|(partition, position)| committed.get(partition) != Some(position))
            .collect();
        if !moved.is_empty() {
            self.commit(member, &moved).await?;
            committed.extend(moved);
        }
        Ok(beaten?)
    }

    async fn commit(
        &self,
        member: &mut group::Member,
        offsets: &BTreeMap<u32, i64>,
    ) -> Result<(), Setback> {
        let sent = self.source.recorder.now();
        let answer = member.commit(&self.source.topic, offsets).await;
        let answered = self.source.recorder.now();
        for (partition, offset) in offsets {
            let outcome = commit_outcome(&answer, *partition);
            self.note_commit(member, (*partition, *offset), (sent, answered), outcome);
        }
        member.settle(&answer)
    }

    fn note_commit(
        &self,
        member: &group::Member,
        (partition, offset): (u32, i64),
        (sent, answered): (Micros, Micros),
        outcome: CommitOutcome,
    ) {
        self.source.recorder.record(Event::Commit(Commit {
            client: self.client,
            group: Arc::clone(&self.group),
            generation: member.who().generation,
            partition: TopicPartition(self.source.partition.0, partition),
            offset,
            sent,
            answered,
            broker: member.coordinator(),
            outcome,
        }));
    }
}

fn positions(cursors: &[Cursor]) -> BTreeMap<u32, i64> {
    let places = cursors.iter();
    places
        .map(|cursor| (cursor.source.partition.1, cursor.position))
        .collect()
}

/// Errors by which a coordinator says that nothing was committed.
const NOT_COMMITTED: [i16; 6] = [22, 24, 25, 27, 28, 30];

fn commit_outcome(
    answer: &Result<OffsetCommitResponse, ClientError>,
    partition: u32,
) -> CommitOutcome {
    let codes = match answer {
        Ok(answer) => offsets::commit_codes(answer),
        Err(error) => {
            let why = error.to_string();
            return CommitOutcome::Unknown { why };
        }
    };
    match codes.get(&partition) {
        Some(0) => CommitOutcome::Ok,
        Some(code) if NOT_COMMITTED.contains(code) => CommitOutcome::Failed { code: *code },
        Some(code) => CommitOutcome::Unknown {
            why: ErrorCode(*code).to_string(),
        },
        None => CommitOutcome::Unknown {
            why: String::from("an answer without the partition"),
        },
    }
}
