//! The partition's one proposer: the only way into its log (rule 1 of the design).
//!
//! It checks each batch against the applied producer table and what it has in flight, and
//! proposes in that order with the term that it checked in; so leadership lost and regained
//! between check and append cannot duplicate. What waits is proposed as one entry.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use kafka_protocol::ResponseError;
use tokio::sync::{mpsc, oneshot};

use super::applier::SharedProducers;
use super::producers::{BatchKey, Check, Forgets};
use super::{Acks, Appended};
use crate::node::bugs::{self, Foresight};
use crate::node::raft::{Group, Reply, WriteError, Written};
use crate::protocol::records::{self, BatchHeader};
use crate::spec::Bug;

/// Bytes of one entry, unless a single batch is larger.
const ENTRY_BYTES: usize = 1 << 20;
/// Entries that may be proposed and not applied yet.
const MAX_FLYING: usize = 8;
/// Where a batch may have been turned away, what its producer had sent behind it may come first. For
/// so long a gap is no loss: clients send again what was turned away.
const SENT_AGAIN: Duration = Duration::from_secs(10);
/// A batch that no leader has patched yet carries this leader epoch; storage patches it.
const UNPATCHED: i32 = -1;

/// One batch on its way in.
pub(super) struct Append {
    pub(super) batch: Bytes,
    pub(super) header: BatchHeader,
    pub(super) acks: Acks,
    pub(super) reply: Answer,
}

pub(super) type Answer = oneshot::Sender<Result<Appended, ResponseError>>;

/// Whether appends may be taken right now, as the replica's task decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct License {
    pub(super) term: u64,
    pub(super) isr: usize,
    pub(super) min_isr: usize,
}

/// A proposed batch: who waits for it, and where it lies in its entry.
struct Passenger {
    key: Option<BatchKey>,
    offset_in_entry: i64,
    min_isr: usize,
    waiting: Vec<(Answer, Acks)>,
}

/// The batches of one entry.
struct Manifest {
    passengers: Vec<Passenger>,
    /// How many offsets they take.
    records: i64,
}

type Landing = Pin<Box<dyn Future<Output = Result<Written, WriteError>> + Send>>;

/// The proposer's state; driven by the replica's task.
pub(super) struct Proposer {
    group: Arc<Group>,
    producers: SharedProducers,
    queue: mpsc::Receiver<Append>,
    flights: VecDeque<Vec<Passenger>>,
    landings: FuturesOrdered<Landing>,
    /// The term whose flights failed: nothing more is proposed before they all have landed.
    grounded: bool,
    /// The term of the last license.
    term: Option<u64>,
    /// When a batch may last have been turned away.
    turned_away: Option<Instant>,
    foresight: Foresight,
}

impl Proposer {
    pub(super) fn new(
        group: Arc<Group>,
        producers: SharedProducers,
        queue: mpsc::Receiver<Append>,
    ) -> Self {
        Self {
            group,
            producers,
            queue,
            flights: VecDeque::new(),
            landings: FuturesOrdered::new(),
            grounded: false,
            term: None,
            turned_away: None,
            foresight: Foresight::default(),
        }
    }

    /// The next thing to do: a landing, or a batch when there is room for it. `None` when nobody
    /// can append any more.
    ///
    /// Without a license there is always room: what arrives is refused at once.
    pub(super) async fn next(&mut self, license: Option<License>) -> Option<Work> {
        let few = self.landings.len() < MAX_FLYING || bugs::takes_without_bound();
        let free = few && !self.grounded;
        let room = license.is_none() || free;
        tokio::select! {
            biased;
            Some(landed) = self.landings.next() => Some(Work::Landed(landed)),
            append = self.queue.recv(), if room => append.map(Work::Arrived),
        }
    }

    /// Leadership, or the majority, is out of reach: who waits is told to ask the next leader. What
    /// is under way keeps its place, since it may still be committed.
    pub(super) fn disown(&mut self) {
        self.foresight.forget();
        if bugs::planted(Bug::AckWhenDeposed) {
            return self.ack_flights();
        }
        for passenger in self.flights.iter_mut().flatten() {
            for (reply, _) in passenger.waiting.drain(..) {
                let _ = reply.send(Err(ResponseError::NotLeaderOrFollower));
            }
        }
    }

    /// Does it; `license` is what the replica may do now.
    pub(super) async fn work(&mut self, work: Work, license: Option<License>) {
        self.note_term(license.map(|license| license.term));
        match work {
            Work::Landed(result) => self.land(&result),
            Work::Arrived(first) => self.depart(first, license).await,
        }
    }

    /// Who begins or ends to lead a partition with records has turned batches away, or others have.
    fn note_term(&mut self, term: Option<u64>) {
        if term != self.term {
            self.term = term;
            if self.log_end() > 0 {
                self.turned_away = Some(Instant::now());
            }
        }
    }

    /// What a client is told of a batch that does not continue its producer's. A gap that an own
    /// refusal made must be retried: librdkafka takes a gap for a loss, begins a new epoch, and then
    /// sends again what may be there.
    fn misplaced(&self, code: ResponseError) -> ResponseError {
        let recent = |at: Instant| at.elapsed() < SENT_AGAIN;
        let gap = code == ResponseError::OutOfOrderSequenceNumber;
        if gap && self.turned_away.is_some_and(recent) {
            return ResponseError::NotLeaderOrFollower;
        }
        code
    }

    async fn depart(&mut self, first: Append, license: Option<License>) {
        let mut passengers = Vec::new();
        let mut entry = BytesMut::new();
        let mut offset = 0;
        let mut next = Some(first);
        while let Some(append) = next.take() {
            let size = append.batch.len();
            match license {
                Some(license) => {
                    self.board(append, license, &mut passengers, &mut entry, &mut offset);
                }
                None if self.acks_when_deposed() => self.ack_and_drop(append),
                None if bugs::acks_as_follower() => self.answer(append.reply, self.log_end()),
                None => refuse(append, ResponseError::NotLeaderOrFollower),
            }
            if entry.len() + size <= ENTRY_BYTES {
                next = self.queue.try_recv().ok();
            }
        }
        if let Some(license) = license.filter(|_| !passengers.is_empty()) {
            let manifest = Manifest {
                passengers,
                records: offset,
            };
            self.propose(manifest, entry.freeze(), license).await;
        }
    }

    /// Checks one batch and, when it is fresh, puts it into the entry.
    fn board(
        &mut self,
        append: Append,
        license: License,
        passengers: &mut Vec<Passenger>,
        entry: &mut BytesMut,
        offset: &mut i64,
    ) {
        if append.reply.is_closed() {
            // The client's time-out has passed: it was told so, and it must stay true.
            self.turned_away = Some(Instant::now());
            return;
        }
        if bugs::drops_what_it_acks(license.isr, self.group.voters().len()) {
            return self.ack_and_drop(append);
        }
        if append.acks == Acks::All && license.isr < license.min_isr {
            self.turned_away = Some(Instant::now());
            return refuse(append, ResponseError::NotEnoughReplicas);
        }
        let key = BatchKey::of(&append.header);
        if let Some(key) = key {
            if let Some(original) = self.find_flying(&key, passengers) {
                original.waiting.push((append.reply, append.acks));
                return;
            }
            match self.check(&key, passengers) {
                Ok(Check::Fresh) => {}
                Ok(Check::Duplicate(base_offset)) => {
                    let index = self.group.applied();
                    return self.confirm(
                        (append.reply, append.acks),
                        base_offset,
                        index,
                        license.min_isr,
                    );
                }
                Err(code) => return refuse(append, self.misplaced(code)),
            }
        }
        let at = entry.len();
        entry.extend_from_slice(&append.batch);
        records::patch(&mut entry[at..], *offset, UNPATCHED);
        let waiting = vec![(append.reply, append.acks)];
        let min_isr = license.min_isr;
        passengers.push(Passenger {
            key,
            offset_in_entry: *offset,
            min_isr,
            waiting,
        });
        *offset += i64::from(append.header.last_offset_delta) + 1;
    }

    fn find_flying<'a>(
        &'a mut self,
        key: &BatchKey,
        boarding: &'a mut [Passenger],
    ) -> Option<&'a mut Passenger> {
        let flying = self.flights.iter_mut().flatten();
        flying
            .chain(boarding)
            .find(|passenger| passenger.key.as_ref() == Some(key))
    }

    fn check(&self, key: &BatchKey, boarding: &[Passenger]) -> Result<Check, ResponseError> {
        let flying = self.flights.iter().flatten().chain(boarding);
        let forgets_all = bugs::planted(Bug::DedupeLostOnFailover);
        let forgets = if forgets_all || self.group.log().log_start() > 0 {
            Forgets::Yes
        } else {
            Forgets::No
        };
        let keys: Vec<BatchKey> = flying.filter_map(|passenger| passenger.key).collect();
        self.producers
            .read()
            .expect("no holder panics")
            .check(key, keys.iter(), forgets)
    }

    async fn propose(&mut self, manifest: Manifest, entry: Bytes, license: License) {
        let Manifest {
            mut passengers,
            records,
        } = manifest;
        let log_end = self.log_end();
        let Ok(landing) = self.group.propose(entry, license.term).await else {
            self.turned_away = Some(Instant::now());
            return fail(passengers);
        };
        let base = self.foresight.depart(log_end, records);
        if bugs::acks_at_append() {
            self.ack_early(&mut passengers, base);
        }
        self.flights.push_back(passengers);
        self.landings.push_back(Box::pin(landing));
    }

    fn land(&mut self, result: &Result<Written, WriteError>) {
        let passengers = self.flights.pop_front().expect("a landing has its flight");
        self.foresight.land();
        if let Ok(Written {
            index,
            reply: Reply::BaseOffset(base),
        }) = result
        {
            for passenger in passengers {
                self.settle(passenger, *base, *index);
            }
        } else {
            self.grounded = true;
            self.turned_away = Some(Instant::now());
            fail(passengers);
        }
        self.grounded &= !self.flights.is_empty();
    }

    fn settle(&self, passenger: Passenger, base: i64, index: u64) {
        let base_offset = base + passenger.offset_in_entry;
        for waiting in passenger.waiting {
            self.confirm(waiting, base_offset, index, passenger.min_isr);
        }
    }

    /// Answers for a committed batch, once enough replicas have it.
    fn confirm(&self, (reply, acks): (Answer, Acks), base_offset: i64, index: u64, min_isr: usize) {
        let majority = self.group.voters().len() / 2 + 1;
        if acks == Acks::All && min_isr > majority {
            self.answer_when_matched(reply, base_offset, index, min_isr);
        } else {
            self.answer(reply, base_offset);
        }
    }

    /// `min.insync.replicas` above the majority: committed is not enough. The caller's time-out
    /// drops the receiver, which ends the wait.
    fn answer_when_matched(&self, mut reply: Answer, base: i64, index: u64, min_isr: usize) {
        let group = Arc::clone(&self.group);
        let log_start = self.group.log().log_start();
        let tracked = group.clone();
        tracked.spawn(async move {
            tokio::select! {
                () = reply.closed() => {}
                () = group.wait_matched(index, min_isr) => send(reply, base, log_start),
            }
        });
    }

    fn answer(&self, reply: Answer, base_offset: i64) {
        send(reply, base_offset, self.group.log().log_start());
    }

    fn log_end(&self) -> i64 {
        self.group.log().log_end()
    }
}

/// What only planted bugs do.
impl Proposer {
    /// Acks what may never be committed.
    fn ack_early(&self, passengers: &mut [Passenger], base: i64) {
        for passenger in passengers {
            for (reply, _) in passenger.waiting.drain(..) {
                self.answer(reply, base + passenger.offset_in_entry);
            }
        }
    }

    /// A leader of before, as long as it does not know what became of its last entries.
    fn acks_when_deposed(&self) -> bool {
        bugs::planted(Bug::AckWhenDeposed) && !self.flights.is_empty()
    }

    fn ack_flights(&mut self) {
        let mut flights = std::mem::take(&mut self.flights);
        for (passengers, base) in flights.iter_mut().zip(self.foresight.bases()) {
            self.ack_early(passengers, base);
        }
        self.flights = flights;
    }

    fn ack_and_drop(&mut self, append: Append) {
        let records = i64::from(append.header.last_offset_delta) + 1;
        let base = self.foresight.promise(self.log_end(), records);
        self.answer(append.reply, base);
    }
}

/// What [`Proposer::next`] found to do.
pub(super) enum Work {
    Landed(Result<Written, WriteError>),
    Arrived(Append),
}

fn send(reply: Answer, base_offset: i64, log_start: i64) {
    // The client may have gone away; the records stay.
    let _ = reply.send(Ok(Appended {
        base_offset,
        log_append_time: -1,
        log_start,
    }));
}

fn refuse(append: Append, code: ResponseError) {
    let _ = append.reply.send(Err(code));
}

/// The outcome is unknown or the leader is gone: the client asks the next leader, which knows.
fn fail(passengers: Vec<Passenger>) {
    for (reply, _) in passengers
        .into_iter()
        .flat_map(|passenger| passenger.waiting)
    {
        let _ = reply.send(Err(ResponseError::NotLeaderOrFollower));
    }
}
