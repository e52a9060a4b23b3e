//! What an answer, or its absence, means for a producer's batches.

use std::net::SocketAddr;
use std::time::Instant;

use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;

use super::Producer;
use super::batch::SealedBatch;
use super::event::{Acked, AttemptError, Event, Failed, Span};
use super::work::{Landed, Seat};
use crate::client::connection::Connection;
use crate::client::error::{CallError, ClientError, ErrorCode};
use crate::spec::NodeId;

/// The connection that a request went over.
type Flight = (NodeId, u64);

impl Producer {
    pub(super) fn landed(&mut self, landed: Landed) {
        let flight = (landed.broker, landed.generation);
        match landed.answer {
            Ok(answer) => self.answered(flight, &landed.seats, &answer),
            Err(error) => self.lost(flight, &landed.seats, &error),
        }
    }

    fn answered(&mut self, flight: Flight, seats: &[Seat], answer: &ProduceResponse) {
        for seat in seats {
            match result_of(answer, seat.partition) {
                Some(result) => self.judged(flight.0, *seat, result),
                None => self.unanswered(flight.0, *seat),
            }
        }
    }

    fn judged(&mut self, broker: NodeId, seat: Seat, result: &PartitionProduceResponse) {
        let offset = Some(result.base_offset).filter(|offset| *offset >= 0);
        match ErrorCode::of(result.error_code) {
            None => self.acked(broker, seat, offset),
            Some(ErrorCode::DUPLICATE_SEQUENCE) => self.acked(broker, seat, None),
            // Another leader would say the same.
            Some(code) if code.is_too_large() => {
                self.failed(broker, seat, AttemptError::Code(code));
            }
            Some(code) => {
                self.failed(broker, seat, AttemptError::Code(code));
                self.lanes[seat.partition as usize].lose_leader(broker, None);
            }
        }
    }

    /// The answer is one, but says nothing of this partition.
    fn unanswered(&mut self, broker: NodeId, seat: Seat) {
        // Kafka's own client takes it for this error too; it may have got in.
        self.failed(
            broker,
            seat,
            AttemptError::Code(ErrorCode::UNKNOWN_SERVER_ERROR),
        );
        self.lanes[seat.partition as usize].lose_leader(broker, None);
    }

    fn acked(&mut self, broker: NodeId, seat: Seat, base_offset: Option<i64>) {
        let lane = &mut self.lanes[seat.partition as usize];
        let Some(batch) = lane.land(seat.first) else {
            return;
        };
        self.unacked -= batch.weight;
        self.events.push_back(Event::Acked(Acked {
            span: span(seat.partition, &batch),
            base_offset,
            broker,
            sent: batch.sent,
            at: Instant::now(),
            attempts: batch.attempts,
            runs: batch.runs,
        }));
    }

    /// A connection is no good any more: its requests have no answer.
    pub(super) fn lost(&mut self, flight: Flight, seats: &[Seat], error: &ClientError) {
        let (broker, generation) = flight;
        self.brokers.hang_up(broker, generation);
        for seat in seats {
            self.failed(broker, *seat, AttemptError::Client(error.clone()));
        }
        self.leave(broker, error);
    }

    fn failed(&mut self, broker: NodeId, seat: Seat, error: AttemptError) {
        let at = Instant::now();
        let lane = &mut self.lanes[seat.partition as usize];
        let Some(batch) = lane.land(seat.first) else {
            return;
        };
        let young = at.duration_since(batch.born) < self.settings.give_up_after;
        let allowed = young && !lane.is_spent();
        let again = allowed && is_retriable(&error, lane.is_head(seat.first));
        let halves = (allowed && is_too_large(&error)).then(|| batch.halves());
        self.events.push_back(Event::Failed(Failed {
            span: span(seat.partition, &batch),
            bytes: batch.bytes.len(),
            broker,
            error,
            sent: batch.sent,
            at,
        }));
        if let Some(halves) = halves.flatten() {
            // What is still to come need not be refused first.
            let half = batch.bytes.len() / 2;
            self.settings.max_batch = self.settings.max_batch.min(half);
            for half in halves {
                lane.give_back(half);
            }
        } else if again {
            lane.give_back(batch);
        } else {
            self.give_up(seat.partition, batch);
        }
    }

    /// Gives up a batch, and what was numbered after it and does not fly.
    fn give_up(&mut self, partition: u32, batch: SealedBatch) {
        let later = self.lanes[partition as usize].give_up();
        for batch in std::iter::once(batch).chain(later) {
            self.gave_up(partition, &batch);
        }
    }

    pub(super) fn dialed(
        &mut self,
        (broker, generation): Flight,
        addr: SocketAddr,
        dialed: Result<Connection, ClientError>,
    ) {
        match dialed {
            Ok(connection) => self.brokers.dialed(broker, generation, Some(connection)),
            Err(error) => {
                self.brokers.dialed(broker, generation, None);
                self.leave(broker, &error);
                self.unreachable(addr, error.into());
            }
        }
    }

    /// All partitions that this broker led ask for their leader again.
    fn leave(&mut self, broker: NodeId, error: &ClientError) {
        let now = Instant::now();
        let silent = match error {
            ClientError::Timeout { after, .. } => Some(now + *after),
            _ => None,
        };
        self.brokers.suspect(broker, now);
        for lane in &mut self.lanes {
            lane.lose_leader(broker, silent);
        }
    }

    /// Gives up what is too old, where it is not even known whom to send it to.
    pub(super) fn expire(&mut self, now: Instant) {
        // Also what may be sent but once waits for somebody to send it to.
        let patience = self
            .settings
            .give_up_after
            .max(self.settings.attempt_timeout);
        let Some(born) = now.checked_sub(patience) else {
            return;
        };
        for partition in 0..self.partitions() {
            let lane = &mut self.lanes[partition as usize];
            if !lane.wants_leader() {
                continue;
            }
            for batch in lane.expire(born) {
                self.gave_up(partition, &batch);
            }
        }
    }

    fn gave_up(&mut self, partition: u32, batch: &SealedBatch) {
        self.unacked -= batch.weight;
        self.events.push_back(Event::GaveUp(span(partition, batch)));
    }

    pub(super) fn unreachable(&mut self, addr: SocketAddr, error: CallError) {
        let at = Instant::now();
        self.brokers.suspect_addr(addr, at);
        self.events
            .push_back(Event::Unreachable { addr, error, at });
    }
}

/// A gap in the sequence is a follower of an earlier failure, unless nothing came before: then the
/// broker has lost what it acked, and trying again would hide it.
fn is_retriable(error: &AttemptError, is_head: bool) -> bool {
    match error {
        AttemptError::Client(ClientError::Unsendable { .. }) => false,
        AttemptError::Client(_) => true,
        AttemptError::Code(ErrorCode::OUT_OF_ORDER_SEQUENCE) => !is_head,
        AttemptError::Code(code) => code.is_retriable(),
    }
}

fn is_too_large(error: &AttemptError) -> bool {
    matches!(error, AttemptError::Code(code) if code.is_too_large())
}

fn result_of(answer: &ProduceResponse, partition: u32) -> Option<&PartitionProduceResponse> {
    let results = answer
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    results
        .into_iter()
        .find(|result| result.index == partition as i32)
}

fn span(partition: u32, batch: &SealedBatch) -> Span {
    Span {
        partition,
        first: batch.first,
        records: batch.records,
    }
}
