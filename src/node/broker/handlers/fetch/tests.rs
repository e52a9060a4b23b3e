use bytes::BytesMut;
use kafka_protocol::messages::fetch_request::ReplicaState;
use kafka_protocol::messages::{ApiKey, BrokerId, ResponseKind, TopicName};

use super::super::fixture::{Fixture, encodes_at_all_versions};
use super::super::text;
use super::super::view::LeaderHint;
use super::*;
use crate::node::cluster::Leadership;
use crate::protocol::records::{BatchBuilder, patch};
use crate::spec::NodeId;

/// A batch of `count` records at an offset.
fn batch(base_offset: i64, count: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    for _ in 0..count {
        builder.push(1, None, Some(b"value"), &[]);
    }
    let mut bytes = BytesMut::from(&builder.build()[..]);
    patch(&mut bytes, base_offset, 3);
    bytes.freeze()
}

fn found(records: Bytes, high_watermark: i64) -> Read {
    let offsets = Offsets {
        log_start: 1,
        high_watermark,
        log_end: high_watermark + 5,
    };
    Read::new(records, offsets)
}

fn asks(partitions: usize) -> FetchRequest {
    let partitions = (0..partitions as i32).map(|index| {
        FetchPartition::default()
            .with_partition(index)
            .with_partition_max_bytes(1 << 20)
    });
    let topic = FetchTopic::default()
        .with_topic(TopicName(text("a")))
        .with_topic_id(TopicId::random().0)
        .with_partitions(partitions.collect());
    FetchRequest::default()
        .with_min_bytes(1)
        .with_topics(vec![topic])
}

fn answers() -> Vec<Answer> {
    let parted = Read {
        diverging: Some((2, 7)),
        ..Read::new(Bytes::new(), Offsets::default())
    };
    vec![
        Ok(found(batch(5, 2), 7)),
        Err(ResponseError::NotLeaderOrFollower),
        Ok(parted),
    ]
}

fn hint() -> Option<LeaderHint> {
    let leadership = Leadership {
        leader: Some(NodeId(2)),
        epoch: 9,
        isr: Vec::new(),
    };
    LeaderHint::of(&Fixture::new().spec, &leadership)
}

#[test]
fn encodes_at_every_version() {
    encodes_at_all_versions(ApiKey::Fetch, |version| {
        let request = asks(3);
        let committed = request.clone().with_isolation_level(1);
        let error = ResponseError::FetchSessionIdNotFound;
        vec![
            ResponseKind::Fetch(respond::respond(version, &request, answers(), |_, _| {
                hint()
            })),
            ResponseKind::Fetch(respond::respond(version, &committed, answers(), |_, _| {
                None
            })),
            ResponseKind::Fetch(respond::refused(version, &request, error)),
        ]
    });
}

#[test]
fn topics_are_named_as_the_version_names_them() {
    let request = asks(3);
    let by_name = respond::respond(12, &request, answers(), |_, _| None);
    assert_eq!(by_name.responses[0].topic.as_str(), "a");
    assert!(by_name.responses[0].topic_id.is_nil());
    let by_id = respond::respond(13, &request, answers(), |_, _| None);
    assert_eq!(by_id.responses[0].topic.as_str(), "");
    assert_eq!(by_id.responses[0].topic_id, request.topics[0].topic_id);
}

#[test]
fn aborted_transactions_are_null_unless_asked_for() {
    let mut request = asks(1);
    let aborted = |request: &FetchRequest| {
        let mut response =
            respond::respond(12, request, vec![Ok(found(Bytes::new(), 1))], |_, _| None);
        response
            .responses
            .remove(0)
            .partitions
            .remove(0)
            .aborted_transactions
    };
    assert_eq!(aborted(&request), None);
    request.isolation_level = 1;
    assert_eq!(aborted(&request), Some(Vec::new()));
}

#[test]
fn offsets_and_errors_are_told() {
    let response = respond::respond(16, &asks(3), answers(), |_, _| hint());
    let [found, lost, parted] = &response.responses[0].partitions[..] else {
        panic!("three partitions")
    };
    assert_eq!((found.high_watermark, found.last_stable_offset), (7, 7));
    assert_eq!(
        (found.log_start_offset, found.preferred_read_replica.0),
        (1, -1)
    );
    assert_eq!((lost.error_code, lost.high_watermark), (6, -1));
    assert_eq!(
        (
            lost.current_leader.leader_id.0,
            lost.current_leader.leader_epoch
        ),
        (2, 9)
    );
    assert_eq!(lost.records, Some(Bytes::new()));
    assert_eq!(found.current_leader.leader_id, -1);
    assert_eq!(
        (
            parted.diverging_epoch.epoch,
            parted.diverging_epoch.end_offset
        ),
        (2, 7)
    );
    assert_eq!(response.node_endpoints.len(), 1);
    assert_eq!(response.session_id, 0);
    let older = respond::respond(15, &asks(3), answers(), |_, _| hint());
    assert!(older.node_endpoints.is_empty());
}

#[test]
fn replicas_and_sessions_of_others_are_refused() {
    let code =
        |version, request: &FetchRequest| plan::refusal(version, request).map(|error| error.code());
    let request = asks(1);
    assert_eq!(code(12, &request), None);
    assert_eq!(
        code(12, &request.clone().with_replica_id(BrokerId(2))),
        Some(31)
    );
    let state = ReplicaState::default().with_replica_id(BrokerId(2));
    assert_eq!(
        code(15, &request.clone().with_replica_state(state)),
        Some(31)
    );
    let begins = request.clone().with_session_epoch(0);
    assert_eq!(code(12, &begins), None);
    let continues = request.clone().with_session_id(7).with_session_epoch(3);
    assert_eq!(code(12, &continues), Some(70));
    let ends = request.clone().with_session_id(7).with_session_epoch(-1);
    assert_eq!(code(12, &ends), None);
    let refused = respond::refused(4, &request, ResponseError::ClusterAuthorizationFailed);
    assert_eq!(refused.responses[0].partitions[0].error_code, 31);
}

#[test]
fn a_fetch_waits_for_its_bytes_but_not_after_an_error() {
    let request = asks(2).with_min_bytes(100);
    let small = || Ok(found(batch(5, 1), 6));
    assert!(!satisfied(&request, &[small(), Ok(found(Bytes::new(), 6))]));
    assert!(satisfied(
        &request,
        &[small(), Err(ResponseError::FencedLeaderEpoch)]
    ));
    assert!(satisfied(&request, &[Ok(found(batch(5, 20), 25))]));
    assert!(satisfied(
        &request.clone().with_min_bytes(0),
        &[Ok(found(Bytes::new(), 6))]
    ));
    assert!(satisfied(&request.with_min_bytes(-1), &[]));
}

#[test]
fn a_fetch_that_was_cut_by_its_size_does_not_wait_for_more() {
    let request = asks(1).with_min_bytes(1 << 20);
    assert!(satisfied(&request, &[Ok(found(batch(5, 1), 7))]));
    assert!(!satisfied(&request, &[Ok(found(batch(5, 2), 7))]));
    let two = Bytes::from([batch(5, 1), batch(6, 3)].concat());
    assert!(!satisfied(&request, &[Ok(found(two.clone(), 9))]));
    assert!(satisfied(&request, &[Ok(found(two, 10))]));
}

#[test]
fn more_bytes_than_an_answer_may_have_are_not_waited_for() {
    let request = asks(1).with_min_bytes(i32::MAX).with_max_bytes(50);
    assert!(satisfied(&request, &[Ok(found(batch(5, 1), 6))]));
}

#[test]
fn the_first_batch_comes_whole_and_later_ones_need_room() {
    let mut progress = Progress::new(Limits { response: 100 });
    let large = Bytes::from(vec![0; 150]);
    assert_eq!(progress.limit(0), Some(0));
    assert_eq!(progress.accept(large.clone(), 0).len(), 150);
    assert_eq!(progress.limit(1 << 20), None);
    let mut progress = Progress::new(Limits { response: 100 });
    assert!(progress.accept(Bytes::new(), 60).is_empty());
    assert_eq!(progress.accept(large.slice(..60), 60).len(), 60);
    assert_eq!(progress.limit(60), Some(40));
    assert!(progress.accept(large.slice(..50), 60).is_empty());
    assert_eq!(progress.accept(large.slice(..40), 60).len(), 40);
    assert_eq!(progress.limit(60), None);
}

#[test]
fn a_client_whose_log_parts_is_told_where() {
    let asked = FetchPartition::default().with_fetch_offset(10);
    let judge = |epoch, end: (i32, i64)| {
        let asked = asked.clone().with_last_fetched_epoch(epoch);
        diverging(&asked, || end).map_err(|error| error.code())
    };
    assert_eq!(judge(-1, (-1, -1)), Ok(None));
    assert_eq!(judge(3, (3, 10)), Ok(None));
    assert_eq!(judge(3, (3, 9)), Ok(Some((3, 9))));
    assert_eq!(judge(3, (2, 20)), Ok(Some((2, 20))));
    assert_eq!(judge(3, (-1, -1)), Err(1));
}

#[test]
fn nobody_waits_for_ever() {
    let wait = |millis| wait_of(&FetchRequest::default().with_max_wait_ms(millis));
    assert_eq!(wait(-1), Duration::ZERO);
    assert_eq!(wait(500), Duration::from_millis(500));
    assert_eq!(wait(i32::MAX), defaults::CONNECTION_IDLE);
}
