//! Reading from brokers whose leaders move and die.

use super::*;
use crate::client::fake::FakeCluster;
use crate::client::producer::{NewRecord, Producer, ProducerSettings};

const SOON: Duration = Duration::from_secs(10);

async fn write(cluster: &FakeCluster, partition: u32, count: usize) {
    let settings = ProducerSettings::new(cluster.addrs(), "t");
    let mut producer = Producer::open(settings, SOON).await.unwrap();
    for number in 0..count {
        let value = number.to_string();
        let record = NewRecord {
            key: None,
            value: Some(value.as_bytes()),
        };
        producer.push(partition, record, Instant::now()).unwrap();
    }
    while producer.is_busy() {
        producer.next().await.unwrap();
    }
}

fn settings(cluster: &FakeCluster) -> ConsumerSettings {
    ConsumerSettings {
        bootstrap: cluster.addrs(),
        topic: "t".to_owned(),
        partitions: Partitions::All,
        start: Start::Earliest,
        end: End::Now,
        place_within: SOON,
        give_up_after: SOON,
    }
}

/// Per partition, the offsets read.
async fn read(consumer: &mut Consumer) -> BTreeMap<u32, Vec<i64>> {
    let mut read: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    while let Some(consumed) = consumer.next().await.unwrap() {
        if let Consumed::Records { partition, records } = consumed {
            let offsets = records.iter().map(|record| record.offset);
            read.entry(partition).or_default().extend(offsets);
        }
    }
    read
}

#[tokio::test]
async fn all_partitions_are_read_to_what_was_their_end() {
    let cluster = FakeCluster::start(3).await;
    cluster.topic("t", 3);
    for partition in 0..3 {
        write(&cluster, partition, 5).await;
    }
    let mut consumer = Consumer::open(settings(&cluster)).await.unwrap();
    write(&cluster, 0, 5).await;
    let read = read(&mut consumer).await;
    for partition in 0..3 {
        assert_eq!(read[&partition], [0, 1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn an_offset_within_a_batch_starts_there() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 2);
    write(&cluster, 1, 5).await;
    let mut settings = settings(&cluster);
    (settings.partitions, settings.start) = (Partitions::One(1), Start::Offset(3));
    let mut consumer = Consumer::open(settings).await.unwrap();
    assert_eq!(read(&mut consumer).await[&1], [3, 4]);
    assert_eq!(consumer.positions().collect::<Vec<_>>(), [(1, 5)]);
}

#[tokio::test]
async fn reading_goes_on_at_the_next_leader() {
    let mut cluster = FakeCluster::start(2).await;
    cluster.topic("t", 1);
    write(&cluster, 0, 5).await;
    let mut consumer = Consumer::open(settings(&cluster)).await.unwrap();
    cluster.kill(1).await;
    let trouble = consumer.next().await.unwrap().unwrap();
    assert!(matches!(trouble, Consumed::Trouble(_)));
    cluster.move_leader("t", 0, 2);
    assert_eq!(read(&mut consumer).await[&0], [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_leader_that_moves_at_the_start_is_asked_for_again() {
    let mut cluster = FakeCluster::start(3).await;
    cluster.topic("t", 3);
    for partition in 0..3 {
        write(&cluster, partition, 5).await;
    }
    // One is named and does not lead any more, one is named and dead: both as after a start.
    cluster.refuse_offsets("t", 1, &[6, 5, 6]);
    cluster.kill(3).await;
    let moving = async {
        while cluster.refused_offsets("t", 1) > 0 {
            tokio::task::yield_now().await;
        }
        cluster.move_leader("t", 2, 1);
    };
    let opening = Consumer::open(settings(&cluster));
    let (consumer, ()) = tokio::join!(opening, moving);
    let read = read(&mut consumer.unwrap()).await;
    for partition in 0..3 {
        assert_eq!(read[&partition], [0, 1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn a_partition_whose_leader_never_comes_is_given_up_in_time() {
    let mut cluster = FakeCluster::start(2).await;
    cluster.topic("t", 2);
    cluster.kill(2).await;
    let mut settings = settings(&cluster);
    settings.place_within = Duration::from_millis(30);
    let error = Consumer::open(settings).await.err().unwrap();
    let unplaced = matches!(error, ConsumeError::Unplaced { partition: 1, .. });
    assert!(unplaced, "{error}");
}

#[tokio::test]
async fn a_broker_that_refuses_for_good_is_asked_once() {
    let cluster = FakeCluster::start(1).await;
    cluster.topic("t", 1);
    // Not authorized, and then nothing any more.
    cluster.refuse_offsets("t", 0, &[29]);
    let error = Consumer::open(settings(&cluster)).await.err().unwrap();
    let refused = matches!(error, ConsumeError::Offsets { partition: 0, .. });
    assert!(refused, "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_in_the_end() {
    let mut cluster = FakeCluster::start(2).await;
    cluster.topic("t", 1);
    write(&cluster, 0, 5).await;
    let mut settings = settings(&cluster);
    settings.give_up_after = Duration::from_millis(30);
    let mut consumer = Consumer::open(settings).await.unwrap();
    cluster.kill(1).await;
    let error = loop {
        if let Err(error) = consumer.next().await {
            break error;
        }
    };
    let stuck = matches!(
        error,
        ConsumeError::Stuck {
            partition: 0,
            offset: 0,
            ..
        }
    );
    assert!(stuck, "{error}");
}

#[tokio::test]
async fn an_unknown_topic_or_partition_is_named() {
    let cluster = FakeCluster::start(1).await;
    let missing = Consumer::open(settings(&cluster)).await.err().unwrap();
    assert_eq!(missing.to_string(), "there is no topic \"t\"");
    cluster.topic("t", 2);
    let mut settings = settings(&cluster);
    settings.partitions = Partitions::One(2);
    let missing = Consumer::open(settings).await.err().unwrap();
    assert!(matches!(
        missing,
        ConsumeError::NoPartition { partitions: 2, .. }
    ));
}
