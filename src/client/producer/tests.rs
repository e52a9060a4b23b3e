//! The producer against brokers whose leaders move, refuse, die and fall silent.

use super::*;
use crate::client::fake::FakeCluster;

const SOON: Duration = Duration::from_secs(10);

async fn open(cluster: &FakeCluster, change: impl FnOnce(&mut ProducerSettings)) -> Producer {
    let mut settings = ProducerSettings::new(cluster.addrs(), "t");
    settings.retry_pause = Duration::from_millis(1);
    change(&mut settings);
    Producer::open(settings, SOON).await.unwrap()
}

fn push(producer: &mut Producer, partition: u32, count: usize) {
    for _ in 0..count {
        let record = NewRecord {
            key: None,
            value: Some(b"value"),
        };
        producer.push(partition, record, Instant::now()).unwrap();
    }
}

/// What a producer told until nothing was left to be told.
#[derive(Default)]
struct Told {
    /// Per partition, for each record its offset.
    acked: Vec<Vec<Option<i64>>>,
    failed: Vec<String>,
    gave_up: Vec<Span>,
    unreachable: usize,
}

impl Told {
    fn note(&mut self, event: Event) {
        match event {
            Event::Acked(ack) => {
                let partition = ack.span.partition as usize;
                self.acked
                    .resize(self.acked.len().max(partition + 1), Vec::new());
                let offsets = &mut self.acked[partition];
                assert_eq!(ack.span.first, offsets.len() as u64, "acks come in order");
                assert_eq!(
                    ack.runs.iter().map(|run| run.records).sum::<u32>(),
                    ack.span.records
                );
                for record in 0..ack.span.records {
                    offsets.push(ack.base_offset.map(|base| base + i64::from(record)));
                }
            }
            Event::Failed(failed) => self.failed.push(failed.error.to_string()),
            Event::GaveUp(span) => self.gave_up.push(span),
            Event::Unreachable { .. } => self.unreachable += 1,
            Event::Moved { .. } => {}
        }
    }

    fn offsets(&self, partition: usize) -> Vec<i64> {
        self.acked[partition]
            .iter()
            .map(|offset| offset.unwrap())
            .collect()
    }
}

async fn drain(producer: &mut Producer) -> Told {
    drain_after(producer, &[]).await
}

/// [`drain`], where so many records of each partition were acked before.
async fn drain_after(producer: &mut Producer, before: &[usize]) -> Told {
    let mut told = Told {
        acked: before.iter().map(|count| vec![None; *count]).collect(),
        ..Told::default()
    };
    let draining = async {
        while producer.is_busy() {
            told.note(
                producer
                    .next()
                    .await
                    .expect("a busy producer waits for something"),
            );
        }
    };
    tokio::time::timeout(SOON, draining).await.unwrap();
    assert!(producer.unacked == 0, "all is accounted for");
    told
}

fn dense(count: i64) -> Vec<i64> {
    (0..count).collect()
}

#[tokio::test]
async fn what_waits_is_one_batch_per_partition() {
    let cluster = FakeCluster::start(3).await;
    cluster.topic("t", 3);
    let mut producer = open(&cluster, |_| ()).await;
    assert_eq!(producer.partitions(), 3);
    for partition in 0..3 {
        push(&mut producer, partition, 10);
    }
    let told = drain(&mut producer).await;
    for partition in 0..3 {
        assert_eq!(told.offsets(partition), dense(10));
    }
    assert_eq!(cluster.batches(), [10, 10, 10]);
    assert!(told.failed.is_empty());
}

#[tokio::test]
async fn one_per_request_sends_each_record_alone() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 2);
    let mut producer = open(&cluster, |s| s.packing = Packing::OnePerRequest).await;
    push(&mut producer, 0, 12);
    push(&mut producer, 1, 3);
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), dense(12));
    assert_eq!(cluster.batches(), [1; 15]);
}

#[tokio::test]
async fn the_first_batch_may_be_larger_than_what_a_stranger_may_send() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |_| ()).await;
    let value = vec![b'x'; 100_000];
    let record = NewRecord {
        key: None,
        value: Some(&value),
    };
    producer.push(0, record, Instant::now()).unwrap();
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), [0]);
    assert!(told.failed.is_empty());
}

#[tokio::test]
async fn a_full_batch_makes_room_for_the_next() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |s| s.max_batch = 200).await;
    push(&mut producer, 0, 20);
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), dense(20));
    assert!(cluster.batches().len() > 1);
}

#[tokio::test]
async fn a_moved_leader_is_found_and_nothing_is_lost_or_doubled() {
    let cluster = FakeCluster::start(3).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |s| s.max_batch = 200).await;
    cluster.move_leader("t", 0, 3);
    push(&mut producer, 0, 20);
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), dense(20));
    assert!(
        told.failed
            .iter()
            .all(|error| error == "NotLeaderOrFollower (6)")
    );
    assert!(!told.failed.is_empty());
}

#[tokio::test]
async fn an_append_whose_ack_was_lost_keeps_its_offset() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |_| ()).await;
    cluster.append_and_refuse("t", 0, 20);
    push(&mut producer, 0, 4);
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), dense(4));
    assert_eq!(told.failed, ["NotEnoughReplicasAfterAppend (20)"]);
}

#[tokio::test]
async fn batches_behind_a_failed_one_follow_it_in_order() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |s| s.max_batch = 200).await;
    // The first is refused, so that the others have a gap before them.
    cluster.refuse("t", 0, &[19]);
    push(&mut producer, 0, 20);
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), dense(20));
    assert_eq!(told.failed[0], "NotEnoughReplicas (19)");
    assert!(
        told.failed[1..]
            .iter()
            .all(|error| error == "OutOfOrderSequenceNumber (45)")
    );
}

#[tokio::test]
async fn a_killed_leader_costs_attempts_and_no_record() {
    let mut cluster = FakeCluster::start(3).await;
    cluster.topic("t", 3);
    let mut producer = open(&cluster, |_| ()).await;
    push(&mut producer, 0, 5);
    let first = drain(&mut producer).await;
    assert_eq!(first.offsets(0), dense(5));
    cluster.kill(1).await;
    push(&mut producer, 0, 5);
    push(&mut producer, 1, 5);
    let mut told = Told {
        acked: vec![vec![None; 5]],
        ..Told::default()
    };
    // The survivors still name the dead leader; only then it moves.
    while told.unreachable == 0 {
        told.note(producer.next().await.unwrap());
    }
    cluster.move_leader("t", 0, 2);
    while producer.is_busy() {
        told.note(producer.next().await.unwrap());
    }
    assert_eq!(told.offsets_from(0, 5), [5, 6, 7, 8, 9]);
    assert_eq!(told.offsets(1), dense(5));
    assert!(told.gave_up.is_empty());
}

impl Told {
    fn offsets_from(&self, partition: usize, from: usize) -> Vec<i64> {
        self.acked[partition][from..]
            .iter()
            .map(|offset| offset.unwrap())
            .collect()
    }
}

#[tokio::test]
async fn a_silent_leader_is_left_for_its_successor() {
    let cluster = FakeCluster::start(2).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |s| s.attempt_timeout = Duration::from_millis(60)).await;
    push(&mut producer, 0, 1);
    assert_eq!(drain(&mut producer).await.offsets(0), [0]);
    cluster.mute(1);
    push(&mut producer, 0, 3);
    let failed = producer.next().await.unwrap();
    let Event::Failed(Failed {
        error: AttemptError::Client(error),
        ..
    }) = failed
    else {
        panic!("a timeout was due: {failed:?}");
    };
    assert!(matches!(error, super::super::ClientError::Timeout { .. }));
    cluster.move_leader("t", 0, 2);
    let told = drain_after(&mut producer, &[1]).await;
    assert_eq!(told.offsets_from(0, 1), [1, 2, 3]);
}

#[tokio::test]
async fn without_leave_to_retry_each_batch_is_sent_once() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |s| s.give_up_after = Duration::ZERO).await;
    cluster.refuse("t", 0, &[19]);
    push(&mut producer, 0, 3);
    let told = drain(&mut producer).await;
    assert_eq!(told.failed.len(), 1);
    assert_eq!(
        told.gave_up,
        [Span {
            partition: 0,
            first: 0,
            records: 3
        }]
    );
    // A new identity, so that the gap is no error.
    push(&mut producer, 0, 2);
    let told = drain_after(&mut producer, &[3]).await;
    assert_eq!(told.offsets_from(0, 3), [0, 1]);
}

#[tokio::test]
async fn a_broker_that_forgot_acked_batches_is_told_on() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |_| ()).await;
    push(&mut producer, 0, 3);
    drain(&mut producer).await;
    cluster.forget_producers("t", 0);
    push(&mut producer, 0, 2);
    let told = drain(&mut producer).await;
    assert_eq!(told.failed, ["OutOfOrderSequenceNumber (45)"]);
    assert_eq!(told.gave_up.len(), 1);
}

#[tokio::test]
async fn records_without_a_leader_are_given_up_in_time() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    cluster.move_leader("t", 0, -1);
    let mut producer = open(&cluster, |s| {
        (s.give_up_after, s.attempt_timeout) = (Duration::ZERO, Duration::from_millis(30));
    })
    .await;
    push(&mut producer, 0, 3);
    let told = drain(&mut producer).await;
    assert_eq!(
        told.gave_up,
        [Span {
            partition: 0,
            first: 0,
            records: 3
        }]
    );
    assert!(told.failed.is_empty(), "no attempt was made");
}

#[tokio::test]
async fn what_is_unacked_is_bounded() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    let mut producer = open(&cluster, |s| s.max_unacked = 100).await;
    push(&mut producer, 0, 2);
    let record = NewRecord {
        key: None,
        value: Some(&[0; 64]),
    };
    let refused = producer.push(0, record, Instant::now());
    assert_eq!(refused, Err(PushError::Full));
    assert_eq!(
        producer.push(9, record, Instant::now()),
        Err(PushError::NoPartition(9))
    );
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_an_error() {
    let cluster = FakeCluster::start(1).await;
    let settings = ProducerSettings::new(cluster.addrs(), "nope");
    let opened = Producer::open(settings, SOON).await;
    assert!(matches!(opened.err(), Some(OpenError::NoTopic(_))));
}

#[tokio::test]
async fn a_broker_without_a_majority_is_not_taken_for_a_dead_one() {
    let mut cluster = FakeCluster::start(2).await;
    cluster.topic("t", 1);
    cluster.withhold_identities();
    cluster.kill(2).await;
    let mut settings = ProducerSettings::new(cluster.addrs(), "t");
    settings.attempt_timeout = Duration::from_millis(20);
    // The dead broker is asked as well, and the living one says more.
    let opened = Producer::open(settings.clone(), Duration::from_millis(60)).await;
    assert!(matches!(opened.err(), Some(OpenError::NoIdentity(_))));
    cluster.kill(1).await;
    let opened = Producer::open(settings, Duration::ZERO).await;
    assert!(matches!(opened.err(), Some(OpenError::Unreachable(_))));
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_split_until_it_is_not() {
    for idempotence in [Idempotence::On, Idempotence::Off] {
        let cluster = FakeCluster::start(1).await;
        cluster.topic("t", 1);
        cluster.limit("t", 200);
        let mut producer = open(&cluster, |s| s.idempotence = idempotence).await;
        push(&mut producer, 0, 500);
        let told = drain(&mut producer).await;
        assert_eq!(told.offsets(0), dense(500));
        assert!(told.failed.contains(&"MessageTooLarge (10)".to_owned()));
        let refused = told.failed.len();
        // The size is learnt: what follows is not refused first.
        push(&mut producer, 0, 500);
        let told = drain_after(&mut producer, &[500]).await;
        assert_eq!(told.offsets_from(0, 500).len(), 500);
        assert!(told.failed.len() < refused.min(5), "{:?}", told.failed);
    }
}

#[tokio::test]
async fn a_record_that_is_too_large_is_given_up_and_those_before_it_are_not() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    cluster.limit("t", 200);
    let mut producer = open(&cluster, |_| ()).await;
    push(&mut producer, 0, 9);
    let record = NewRecord {
        key: None,
        value: Some(&[b'x'; 300]),
    };
    producer.push(0, record, Instant::now()).unwrap();
    let told = drain(&mut producer).await;
    assert_eq!(told.offsets(0), dense(9));
    assert_eq!(
        told.gave_up,
        [Span {
            partition: 0,
            first: 9,
            records: 1
        }]
    );
}

#[tokio::test]
async fn a_batch_that_may_be_sent_but_once_is_not_split() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    cluster.limit("t", 200);
    let mut producer = open(&cluster, |s| s.give_up_after = Duration::ZERO).await;
    push(&mut producer, 0, 50);
    let told = drain(&mut producer).await;
    assert_eq!((told.failed.len(), told.gave_up.len()), (1, 1));
}
