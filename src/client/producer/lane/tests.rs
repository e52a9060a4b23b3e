//! The order of one partition's batches, without a broker.

use proptest::prelude::*;

use super::*;
use crate::protocol::records::BatchHeader;

const LEADER: Leader = Leader {
    node: NodeId(1),
    epoch: 1,
};

fn lane() -> Lane {
    let mut lane = Lane::numbered(ProducerIdentity { id: 7, epoch: 0 });
    assert!(lane.follow(LEADER, Instant::now()));
    lane
}

fn push(lane: &mut Lane) {
    let record = NewRecord {
        key: None,
        value: Some(b"v"),
    };
    lane.push(record, Instant::now(), 1 << 20).unwrap();
}

#[test]
fn at_most_five_fly() {
    let mut lane = lane();
    for _ in 0..MAX_FLYING {
        push(&mut lane);
        assert!(lane.take(Instant::now()).is_some());
    }
    push(&mut lane);
    assert_eq!(lane.wants(), None);
    lane.land(0).unwrap();
    assert_eq!(lane.wants(), Some(LEADER.node));
}

#[test]
fn a_silent_leader_is_shunned_in_its_epoch_only() {
    let mut lane = lane();
    let now = Instant::now();
    lane.lose_leader(LEADER.node, Some(now + std::time::Duration::from_secs(1)));
    assert!(!lane.follow(LEADER, now));
    assert!(lane.follow(Leader { epoch: 2, ..LEADER }, now));
    assert!(lane.wants().is_none(), "there is nothing to send");
    push(&mut lane);
    assert_eq!(lane.wants(), Some(LEADER.node));
}

#[test]
fn another_brokers_failure_is_not_the_leaders() {
    let mut lane = lane();
    lane.lose_leader(NodeId(2), None);
    assert!(!lane.wants_leader());
}

#[test]
fn sequences_wrap_to_zero() {
    let mut lane = lane();
    lane.next_sequence = i32::MAX;
    push(&mut lane);
    lane.seal();
    assert_eq!(lane.next_sequence, 0);
}

/// Checks a batch as a broker would: the same sequence again, or the next.
#[derive(Default)]
struct Broker {
    due: i32,
    stored: u64,
}

impl Broker {
    fn takes(&mut self, batch: &SealedBatch) -> bool {
        let header = BatchHeader::parse(&batch.bytes).unwrap();
        if header.base_sequence == self.due {
            self.due += header.count;
            self.stored += header.count as u64;
            return true;
        }
        // A repeated batch.
        header.base_sequence < self.due
    }
}

proptest! {
    /// Whatever is lost on the way, there or back, each record is stored once and in order.
    #[test]
    fn losses_neither_lose_nor_double(fates in prop::collection::vec((0_u8..4, 1_usize..4), 1..200)) {
        let (mut lane, mut broker, mut pushed) = (lane(), Broker::default(), 0);
        let mut fates = fates.into_iter();
        let mut flights: VecDeque<(u64, bool)> = VecDeque::new();
        loop {
            let fate = fates.next();
            let quiet = fate.is_none();
            let (fate, records) = fate.unwrap_or((0, 0));
            for _ in 0..records {
                push(&mut lane);
                pushed += 1;
            }
            while let Some(batch) = lane.take(Instant::now()) {
                let arrives = quiet || fate != 1;
                let stored = arrives && broker.takes(batch);
                // Fate 2 loses the answer.
                flights.push_back((batch.first, stored && (quiet || fate != 2)));
            }
            let landing = if fate == 3 { 1 } else { flights.len() };
            for (first, acked) in flights.drain(..landing.min(flights.len())) {
                let batch = lane.land(first).unwrap();
                if !acked {
                    lane.give_back(batch);
                }
            }
            if quiet && !lane.is_busy() {
                break;
            }
        }
        prop_assert_eq!(broker.stored, pushed);
        prop_assert_eq!(lane.next_record, pushed);
    }
}
