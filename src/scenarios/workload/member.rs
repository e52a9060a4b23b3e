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

use kafka_protocol::messages::{OffsetCommitResponse, SyncGroupResponse};
use tokio::sync::watch;

use super::cursor::{Cursor, Reader, Source};
use super::group::{self, Membership};
use super::route::{ATTEMPT_TIMEOUT, Brokers, RETRY_PAUSE, Route};
use super::wire::{self, Appetite};
use crate::client::admin::Admin;
use crate::client::{ClientError, Connection, ErrorCode};
use crate::scenarios::history::{
    Assignment, ClientId, Commit, CommitOutcome, Committed, Event, Micros, TopicPartition,
};
use crate::spec::NodeId;

/// Heartbeats and commits.
const BEAT_EVERY: Duration = Duration::from_millis(100);
/// A join is answered when all members have come, or were left out.
const JOIN_WITHIN: Duration = Duration::from_secs(5);
/// A member reads its partitions in turn, so that none may wait for long.
const APPETITE: Appetite = Appetite {
    bytes: 4 << 10,
    wait: Duration::from_millis(10),
    most: wire::FETCH_BYTES,
};
const UNKNOWN_MEMBER: i16 = 25;
const ILLEGAL_GENERATION: i16 = 22;
const REBALANCE: i16 = 27;
const MEMBER_ID_REQUIRED: i16 = 79;

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) client: ClientId,
    pub(super) group: Arc<str>,
    pub(super) source: Source,
    pub(super) partitions: u32,
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

type Coordinator = (NodeId, Connection);

impl Member {
    pub(super) fn new(
        client: ClientId,
        group: Arc<str>,
        (source, partitions): (Source, u32),
        (brokers, stop): (Brokers, watch::Receiver<bool>),
    ) -> Self {
        Self {
            client,
            group,
            source,
            partitions,
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
            let Some(coordinator) = self.find().await else {
                continue;
            };
            if self.take_part(&coordinator).await == Next::Leave {
                let leave = group::leave(&self.group, &self.who);
                // A group that does not hear it will notice by the session's end.
                drop(coordinator.1.call(leave, ATTEMPT_TIMEOUT).await);
            }
        }
    }

    fn is_told_to_stop(&self) -> bool {
        *self.stop.borrow()
    }

    /// Asks the brokers in turn who coordinates the group, and connects to that one.
    async fn find(&mut self) -> Option<Coordinator> {
        tokio::time::sleep(RETRY_PAUSE).await;
        self.turn += 1;
        let turn = self.turn % self.brokers.len().max(1);
        let addr = *self.brokers.values().nth(turn)?;
        let admin = Admin::connect(addr, ATTEMPT_TIMEOUT).await.ok()?;
        let found = admin.find_coordinator(&self.group).await.ok()?;
        let connection = wire::dial(found.addr, ATTEMPT_TIMEOUT).await.ok()?;
        Some((found.node, connection))
    }

    /// Generation after generation, until the coordinator is lost or it is time to leave.
    async fn take_part(&mut self, coordinator: &Coordinator) -> Next {
        let mut stop = self.stop.clone();
        loop {
            let joined = tokio::select! {
                biased;
                _told = stop.wait_for(|stop| *stop) => return Next::Leave,
                joined = self.join(&coordinator.1) => joined,
            };
            let next = match joined {
                Ok(partitions) => self.read(coordinator, partitions).await,
                Err(next) => next,
            };
            if next != Next::Join {
                return next;
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn join(&mut self, coordinator: &Connection) -> Result<Vec<u32>, Next> {
        let request = group::join(&self.group, &self.source.topic, &self.who.member);
        let joined = coordinator.call(request, JOIN_WITHIN).await;
        let joined = joined.map_err(|_lost| Next::Find)?;
        if joined.error_code == MEMBER_ID_REQUIRED || joined.error_code == 0 {
            self.who.member = joined.member_id.to_string();
        }
        self.check(joined.error_code)?;
        self.who.generation = joined.generation_id;
        let topic = (&*self.source.topic, self.partitions);
        let request = group::sync(&self.group, topic, &joined);
        let synced: Result<SyncGroupResponse, ClientError> =
            coordinator.call(request, JOIN_WITHIN).await;
        let synced = synced.map_err(|_lost| Next::Find)?;
        self.check(synced.error_code)?;
        group::assigned(synced.assignment).map_err(|_strange| Next::Find)
    }

    /// What an error code means for the membership.
    fn check(&mut self, code: i16) -> Result<(), Next> {
        match code {
            0 => Ok(()),
            MEMBER_ID_REQUIRED | REBALANCE => Err(Next::Join),
            UNKNOWN_MEMBER | ILLEGAL_GENERATION => {
                self.who = Membership::default();
                Err(Next::Join)
            }
            _ => Err(Next::Find),
        }
    }

    /// Reads one generation's partitions to its end.
    async fn read(&mut self, coordinator: &Coordinator, partitions: Vec<u32>) -> Next {
        let reader = Reader {
            client: self.client,
            assignment: Assignment::Group {
                group: Arc::clone(&self.group),
                generation: self.who.generation,
            },
        };
        let mut cursors = match self.cursors(coordinator, &partitions).await {
            Ok(cursors) => cursors,
            Err(next) => return next,
        };
        let generation = self.who.generation;
        let next = self.read_on(coordinator, &reader, &mut cursors).await;
        self.held = (generation, positions(&cursors));
        next
    }

    async fn read_on(
        &mut self,
        coordinator: &Coordinator,
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
                if let Err(next) = self.keep_up(coordinator, cursors, &mut committed).await {
                    return next;
                }
            }
        }
        Next::Leave
    }

    /// Where the group was; the start where it was nowhere.
    async fn cursors(
        &mut self,
        coordinator: &Coordinator,
        partitions: &[u32],
    ) -> Result<Vec<Cursor>, Next> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let sent = self.source.recorder.now();
        let request = group::offsets(&self.group, &self.source.topic, partitions);
        let answer = coordinator.1.call(request, ATTEMPT_TIMEOUT).await;
        let answer = answer.map_err(|_lost| Next::Find)?;
        let answered = self.source.recorder.now();
        let told = match group::committed(&answer) {
            Ok(told) => told,
            Err(code) => return self.check(code).map(|()| Vec::new()),
        };
        let mut cursors = Vec::new();
        for (partition, offset) in told {
            let partition = TopicPartition(self.source.partition.0, partition);
            self.source.recorder.record(Event::Committed(Committed {
                client: self.client,
                group: Arc::clone(&self.group),
                partition,
                sent,
                answered,
                broker: coordinator.0,
                offset,
            }));
            let position = self.position(partition.1, offset);
            cursors.push(self.cursor(partition, position));
        }
        Ok(cursors)
    }

    /// A generation that goes on after its coordinator was lost goes on where it was.
    fn position(&self, partition: u32, committed: Option<i64>) -> i64 {
        let (generation, positions) = &self.held;
        let held = positions.get(&partition).copied();
        let held = held.filter(|_| *generation == self.who.generation);
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
        &mut self,
        coordinator: &Coordinator,
        cursors: &[Cursor],
        committed: &mut BTreeMap<u32, i64>,
    ) -> Result<(), Next> {
        let beat = group::heartbeat(&self.group, &self.who);
        let answer = coordinator.1.call(beat, ATTEMPT_TIMEOUT).await;
        let answer = answer.map_err(|_lost| Next::Find)?;
        // What was read is committed before a rebalance, as long as this generation lasts.
        let moved: BTreeMap<u32, i64> = positions(cursors)
            .into_iter()
            .filter(|(partition, position)| committed.get(partition) != Some(position))
            .collect();
        if !moved.is_empty() {
            self.commit(coordinator, &moved).await?;
            committed.extend(moved);
        }
        self.check(answer.error_code)
    }

    async fn commit(
        &mut self,
        coordinator: &Coordinator,
        offsets: &BTreeMap<u32, i64>,
    ) -> Result<(), Next> {
        let request = group::commit(&self.group, &self.who, &self.source.topic, offsets);
        let sent = self.source.recorder.now();
        let answer = coordinator.1.call(request, ATTEMPT_TIMEOUT).await;
        let answered = self.source.recorder.now();
        for (partition, offset) in offsets {
            let outcome = commit_outcome(&answer, *partition);
            self.note_commit(
                coordinator.0,
                (*partition, *offset),
                (sent, answered),
                outcome,
            );
        }
        match answer {
            Ok(answer) => {
                let codes = group::commit_codes(&answer);
                let worst = codes.into_values().find(|code| *code != 0);
                self.check(worst.unwrap_or(0))
            }
            Err(_lost) => Err(Next::Find),
        }
    }

    fn note_commit(
        &self,
        broker: NodeId,
        (partition, offset): (u32, i64),
        (sent, answered): (Micros, Micros),
        outcome: CommitOutcome,
    ) {
        self.source.recorder.record(Event::Commit(Commit {
            client: self.client,
            group: Arc::clone(&self.group),
            generation: self.who.generation,
            partition: TopicPartition(self.source.partition.0, partition),
            offset,
            sent,
            answered,
            broker,
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
const NOT_COMMITTED: [i16; 6] = [UNKNOWN_MEMBER, ILLEGAL_GENERATION, REBALANCE, 24, 28, 30];

fn commit_outcome(
    answer: &Result<OffsetCommitResponse, ClientError>,
    partition: u32,
) -> CommitOutcome {
    let codes = match answer {
        Ok(answer) => group::commit_codes(answer),
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
