//! The task of one shard: it follows leadership, loads, appends and fires timers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Live, OffsetsLog, Phase, Shard, now};
use crate::node::groups::coordinator::Coordinator;
use crate::node::groups::group::{Effects, Write};
use crate::node::groups::limits;
use crate::node::partition::{Appended, Offsets, Serving};
use crate::protocol::records::BatchBuilder;

type Appending = Pin<Box<dyn Future<Output = Result<Appended, ResponseError>> + Send>>;

/// A batch on its way to the log, with the writes that are in it.
struct InFlight {
    writes: Vec<Write>,
    appending: Appending,
}

/// How far the coordinator has followed the log.
#[derive(Clone, Copy)]
struct Progress {
    /// The offset after the last record that is applied.
    next: i64,
    /// Whether an append of ours ended without telling whether its records are in the log.
    in_doubt: bool,
}

impl<L: OffsetsLog> Shard<L> {
    /// Runs until the partition goes away or `stop` is cancelled; then nothing is served.
    pub(in crate::node::groups) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let serving = self.log.watch_serving();
        stop.run_until_cancelled(self.follow(serving)).await;
        self.rest(Phase::Closed);
    }

    async fn follow(&self, mut serving: watch::Receiver<Serving>) {
        loop {
            let seen = *serving.borrow_and_update();
            match seen {
                Serving::Leader { epoch } => self.lead(epoch, &mut serving).await,
                Serving::Follower { .. } => {
                    if serving.changed().await.is_err() {
                        return;
                    }
                }
            }
            if serving.has_changed().is_err() {
                return;
            }
        }
    }

    /// Serves one term as leader, from its first moment to its end.
    async fn lead(&self, epoch: i32, serving: &mut watch::Receiver<Serving>) {
        let served = async {
            let progress = self.come_alive(epoch).await;
            self.serve(progress).await;
        };
        tokio::select! {
            () = served => {}
            // An error means that the replica is gone, which ends the term as well.
            _ = serving.wait_for(|now| *now != Serving::Leader { epoch }) => {}
        }
        self.rest(Phase::Resting);
    }

    /// Loads until it succeeds: a log that cannot be read now is asked again.
    async fn come_alive(&self, epoch: i32) -> Progress {
        self.phase.send_replace(Phase::Loading);
        let partition = self.log.index();
        let began = Instant::now();
        let (coordinator, next) = loop {
            match self.load().await {
                Ok(loaded) => break loaded,
                Err(error) => tracing::warn!(partition, %error, "cannot load the groups"),
            }
            tokio::time::sleep(limits::LOAD_RETRY).await;
        };
        let groups = coordinator.groups().count();
        let took = began.elapsed();
        tracing::info!(partition, epoch, groups, ?took, "loaded the groups");
        *self.lock() = Some(Live::new(epoch, coordinator));
        self.phase.send_replace(Phase::Live { epoch });
        let in_doubt = false;
        Progress { next, in_doubt }
    }

    /// Drops everything; whoever waits is told NOT_COORDINATOR.
    fn rest(&self, phase: Phase) {
        self.phase.send_replace(phase);
        *self.lock() = None;
    }

    async fn serve(&self, mut progress: Progress) {
        let mut offsets = self.log.watch_offsets();
        let mut in_flight: Option<InFlight> = None;
        loop {
            if in_flight.is_none() {
                in_flight = self.next_batch();
            }
            let deadline = self.deadline();
            let in_doubt = progress.in_doubt && in_flight.is_none();
            tokio::select! {
                result = landed(&mut in_flight) => {
                    let writes = in_flight.take().map(|batch| batch.writes);
                    progress = self.end_batch(writes.unwrap_or_default(), result, progress);
                }
                () = moved(&mut offsets), if in_doubt => progress = self.resolve(progress),
                () = self.wake.notified() => {}
                () = at(deadline) => self.fire(),
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let guard = self.lock();
        guard.as_ref().and_then(|live| live.coordinator.deadline())
    }

    fn fire(&self) {
        if let Some(live) = self.lock().as_mut() {
            live.apply(Coordinator::expire);
        }
    }

    /// Takes what has queued up, in order, as much as fits into one batch.
    fn next_batch(&self) -> Option<InFlight> {
        let mut writes = Vec::new();
        let mut bytes = 0;
        {
            let mut guard = self.lock();
            let queue = &mut guard.as_mut()?.queue;
            while let Some(write) = queue.pop_front_if(|write| {
                bytes += write.len();
                bytes <= limits::RECORD || bytes == write.len()
            }) {
                writes.push(write);
            }
        }
        let batch = build(&writes)?;
        let appending = Box::pin(Arc::clone(&self.log).append(batch));
        Some(InFlight { writes, appending })
    }

    /// Applies the end of an append to everything that waited for it.
    fn end_batch(
        &self,
        writes: Vec<Write>,
        result: Result<Appended, ResponseError>,
        before: Progress,
    ) -> Progress {
        let mut guard = self.lock();
        let Some(live) = guard.as_mut() else {
            return before;
        };
        let (progress, outcome) = match result {
            Ok(appended) => self.landed_at(live, appended.base_offset, count(&writes), before),
            Err(code) => (
                Progress {
                    in_doubt: true,
                    ..before
                },
                Err(refusal(code)),
            ),
        };
        let moment = now();
        let mut fx = Effects::default();
        for write in writes {
            live.coordinator.written(write, outcome, moment, &mut fx);
        }
        live.settle(fx);
        progress
    }

    /// The batch is in the log; what lies before it and was in doubt is there as well.
    fn landed_at(
        &self,
        live: &mut Live,
        base: i64,
        records: i64,
        before: Progress,
    ) -> (Progress, Result<(), ResponseError>) {
        if self
            .catch_up(&mut live.coordinator, before.next, base)
            .is_err()
        {
            let in_doubt = true;
            return (
                Progress { in_doubt, ..before },
                Err(ResponseError::NotCoordinator),
            );
        }
        let progress = Progress {
            next: base + records,
            in_doubt: false,
        };
        // In another term somebody else may have written in between: this one's state is void.
        let still_leads = self.leads(live.epoch).then_some(());
        (progress, still_leads.ok_or(ResponseError::NotCoordinator))
    }

    /// The log moved while nothing was in flight: an append that seemed to have failed did not.
    fn resolve(&self, before: Progress) -> Progress {
        let upto = self.log.offsets().high_watermark.max(before.next);
        let mut guard = self.lock();
        let Some(live) = guard.as_mut() else {
            return before;
        };
        let caught_up = self.catch_up(&mut live.coordinator, before.next, upto);
        let next = caught_up.map_or(before.next, |()| upto);
        Progress { next, ..before }
    }
}

/// The errors of an append as a coordinator says them: all of them retriable.
fn refusal(code: ResponseError) -> ResponseError {
    match code {
        ResponseError::NotLeaderOrFollower | ResponseError::KafkaStorageError => {
            ResponseError::NotCoordinator
        }
        _ => ResponseError::CoordinatorNotAvailable,
    }
}

fn count(writes: &[Write]) -> i64 {
    let records: usize = writes.iter().map(|write| write.entries.len()).sum();
    records as i64
}

fn build(writes: &[Write]) -> Option<Bytes> {
    let timestamp = now().wall_ms;
    let mut builder = BatchBuilder::new();
    for entry in writes.iter().flat_map(|write| &write.entries) {
        builder.push(timestamp, Some(&entry.key), entry.value.as_deref(), &[]);
    }
    (!builder.is_empty()).then(|| builder.build())
}

/// Ends when the high watermark has moved.
async fn moved(offsets: &mut watch::Receiver<Offsets>) {
    if offsets.changed().await.is_err() {
        // The replica is gone; the end of the term comes another way.
        std::future::pending::<()>().await;
    }
}

async fn landed(in_flight: &mut Option<InFlight>) -> Result<Appended, ResponseError> {
    match in_flight {
        Some(batch) => batch.appending.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
