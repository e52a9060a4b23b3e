use kafka_protocol::messages::create_topics_request::CreatableTopicConfig;
use kafka_protocol::messages::{ApiKey, BrokerId, ResponseKind, TopicName};

use super::super::fixture::{Fixture, encodes_at_all_versions};
use super::*;

fn topic(name: &str) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
}

fn with_config(name: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig::default()
        .with_name(text(name))
        .with_value(value.map(text));
    topic("a").with_configs(vec![config])
}

fn assigned(assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = assignments.iter().map(|(index, brokers)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(*index)
            .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
    });
    topic("a").with_assignments(assignments.collect())
}

fn plan_all(topics: Vec<CreatableTopic>) -> Vec<Result<NewTopic, Refusal>> {
    let mut fixture = Fixture::new();
    fixture.topic("old", 10);
    let request = CreateTopicsRequest::default().with_topics(topics);
    plan(&fixture.spec, &fixture.image, &request)
}

fn plan_one(topic: CreatableTopic) -> Result<NewTopic, Refusal> {
    plan_all(vec![topic]).remove(0)
}

fn refused(topic: CreatableTopic) -> (i16, String) {
    let refusal = plan_one(topic).unwrap_err();
    (refusal.code.code(), refusal.message)
}

#[test]
fn encodes_at_every_version() {
    let mut fixture = Fixture::new();
    fixture.topic("a", 2);
    let request = CreateTopicsRequest::default().with_topics(vec![topic("a"), topic("b")]);
    encodes_at_all_versions(ApiKey::CreateTopics, |version| {
        let answers = vec![
            Ok(Arc::clone(&fixture.image.topics["a"])),
            Err(refusal(ResponseError::InvalidConfig, "words")),
        ];
        let answer = respond(&fixture.spec, version, &request, answers);
        vec![ResponseKind::CreateTopics(answer)]
    });
}

#[test]
fn a_created_topic_is_described() {
    let mut fixture = Fixture::new();
    let id = fixture.topic("a", 2);
    fixture.config("a", "retention.ms", "5");
    let request = CreateTopicsRequest::default().with_topics(vec![topic("a")]);
    let answers = vec![Ok(Arc::clone(&fixture.image.topics["a"]))];
    let result = respond(&fixture.spec, 7, &request, answers)
        .topics
        .remove(0);
    assert_eq!((result.error_code, result.error_message), (0, None));
    assert_eq!((result.num_partitions, result.replication_factor), (2, 3));
    assert_eq!(result.topic_id, id.0);
    let configs = result.configs.unwrap();
    let retention = configs
        .iter()
        .find(|one| &*one.name == "retention.ms")
        .unwrap();
    assert_eq!(retention.value.as_deref(), Some("5"));
    assert_eq!(retention.config_source, 1);
    let policy = configs
        .iter()
        .find(|one| &*one.name == "cleanup.policy")
        .unwrap();
    assert_eq!(
        (policy.value.as_deref(), policy.config_source),
        (Some("delete"), 5)
    );
}

#[test]
fn minus_one_is_the_default() {
    let new = plan_one(topic("a")).unwrap();
    assert_eq!((new.partitions, new.replication_factor), (None, None));
    let new = plan_one(topic("a").with_num_partitions(4).with_replication_factor(2)).unwrap();
    assert_eq!((new.partitions, new.replication_factor), (Some(4), Some(2)));
}

#[test]
fn names_are_checked_and_may_not_repeat() {
    assert_eq!(refused(topic("old")).0, 36);
    assert_eq!(refused(topic("..")).0, 17);
    let plans = plan_all(vec![topic("a"), topic("b"), topic("a")]);
    let codes: Vec<Option<i16>> = plans
        .iter()
        .map(|plan| plan.as_ref().err().map(|refusal| refusal.code.code()))
        .collect();
    assert_eq!(codes, [Some(42), None, Some(42)]);
}

#[test]
fn counts_are_checked_in_words() {
    for bad in [0, -2, i32::MIN] {
        assert_eq!(refused(topic("a").with_num_partitions(bad)).0, 37);
    }
    for bad in [0, -2, 4, i16::MAX] {
        let (code, words) = refused(topic("a").with_replication_factor(bad));
        assert_eq!(code, 38);
        assert!(words.contains("1 to 3"), "{words}");
    }
}

#[test]
fn the_cluster_has_a_limit_over_all_topics_of_a_request() {
    let (code, words) = refused(topic("a").with_num_partitions(991));
    assert_eq!(code, 37);
    assert!(words.contains("would make 1001"), "{words}");
    assert!(words.contains("--set max.partitions=N"), "{words}");
    assert!(plan_one(topic("a").with_num_partitions(990)).is_ok());
    let half = |name| topic(name).with_num_partitions(500);
    let plans = plan_all(vec![half("a"), half("b")]);
    assert!(plans[0].is_ok() && plans[1].is_err());
    assert_eq!(refused(topic("a").with_num_partitions(i32::MAX)).0, 37);
}

#[test]
fn configs_are_checked() {
    let new = plan_one(with_config("retention.ms", Some("5"))).unwrap();
    assert_eq!(new.configs["retention.ms"], "5");
    assert_eq!(refused(with_config("retention.ms", Some("x"))).0, 40);
    assert_eq!(refused(with_config("retention.ms", None)).0, 40);
    let (code, words) = refused(with_config("no.such", Some("x")));
    assert_eq!(code, 40);
    assert!(words.contains("known are"), "{words}");
}

#[test]
fn assignments_are_complete_and_lawful() {
    let new = plan_one(assigned(&[(1, &[3, 1]), (0, &[2, 3])])).unwrap();
    let [first, second] = [vec![NodeId(2), NodeId(3)], vec![NodeId(3), NodeId(1)]];
    assert_eq!(new.assignments, Some(vec![first, second]));
    for bad in [
        assigned(&[(1, &[1])]),
        assigned(&[(0, &[1]), (0, &[2])]),
        assigned(&[(0, &[1]), (1, &[1, 2])]),
        assigned(&[(0, &[])]),
        assigned(&[(0, &[1, 1])]),
        assigned(&[(0, &[4])]),
        assigned(&[(0, &[0])]),
        assigned(&[(0, &[-1])]),
    ] {
        assert_eq!(refused(bad).0, 39);
    }
    assert_eq!(refused(assigned(&[(0, &[1])]).with_num_partitions(1)).0, 42);
}
