//! Metadata (3): topics, partitions and their leaders, from local state; creates topics that are
//! asked for and missing, when both sides allow it.
//!
//! Never waits for a quorum, except for a topic's creation (at most a second). A partition
//! without a leader keeps its last known epoch, since a client that sees an epoch go back, or an
//! old one with another leader, gets stuck (KIP-320).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};

use super::checks::{check_new_name, cluster_operations, topic_operations};
use super::view::{View, broker_id};
use super::{Context, text};
use crate::node::bugs;
use crate::node::cluster::{Check, NewTopic, Refusal};
use crate::node::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::protocol::topic::valid_name;
use crate::spec::{TopicId, defaults};

/// The last version in which an empty list asks for every topic, and there is no null.
const EMPTY_MEANS_ALL: i16 = 0;
/// Versions that carry what a client may do with the cluster.
const CLUSTER_OPERATIONS: std::ops::RangeInclusive<i16> = 8..=10;
/// The first version that carries what a client may do with a topic.
const TOPIC_OPERATIONS: i16 = 8;
/// The first version in which a topic may have no name.
const NULL_NAMES: i16 = 12;

/// What became of the topics that had to be created, by name.
type Created = BTreeMap<String, Result<Arc<TopicImage>, ResponseError>>;

/// Answers from local state, after creating what is missing.
pub(in crate::node::broker) async fn handle(
    cx: &Context,
    version: i16,
    request: &MetadataRequest,
) -> MetadataResponse {
    let created = match to_create(cx, request) {
        names if names.is_empty() => Created::new(),
        names => create(cx, names).await,
    };
    respond(&View::of(&cx.cluster), version, request, &created)
}

fn to_create(cx: &Context, request: &MetadataRequest) -> BTreeSet<String> {
    let allowed = cx.cluster.spec().settings.auto_create_topics();
    if !(allowed && request.allow_auto_topic_creation) {
        return BTreeSet::new();
    }
    missing(&cx.cluster.image(), request)
}

/// The topics that are asked for by name, may exist, and do not.
fn missing(image: &MetadataImage, request: &MetadataRequest) -> BTreeSet<String> {
    let asked = request.topics.iter().flatten();
    let names = asked.filter_map(|topic| topic.name.as_ref().map(|name| name.0.to_string()));
    names
        .filter(|name| !name.starts_with("__"))
        .filter(|name| image.topic(name).is_none() && valid_name(name).is_ok())
        .collect()
}

async fn create(cx: &Context, names: BTreeSet<String>) -> Created {
    let image = cx.cluster.image();
    let (mut created, mut wanted) = (Created::new(), Vec::new());
    for name in names {
        match check_new_name(&image, &name) {
            Ok(()) => wanted.push(name),
            Err(refusal) => drop(created.insert(name, Err(refusal.code))),
        }
    }
    let topics = wanted.iter().map(|name| with_defaults(name)).collect();
    let wait = defaults::AUTO_CREATE_WAIT;
    let answers = cx.cluster.create_topics(topics, wait, Check::AndDo).await;
    let answers = answers
        .into_iter()
        .map(|answer| answer.map_err(|refusal| retriable(&refusal)));
    created.extend(wanted.into_iter().zip(answers));
    created
}

fn with_defaults(name: &str) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: None,
        replication_factor: None,
        assignments: None,
        configs: BTreeMap::new(),
    }
}

/// What a client is told of a topic that could not be made: to come back, unless it is hopeless.
fn retriable(refusal: &Refusal) -> ResponseError {
    match refusal.code {
        hopeless @ (ResponseError::InvalidTopicException
        | ResponseError::InvalidPartitions
        | ResponseError::InvalidReplicationFactor
        | ResponseError::PolicyViolation) => hopeless,
        _ => ResponseError::LeaderNotAvailable,
    }
}

fn respond(
    view: &View<'_>,
    version: i16,
    request: &MetadataRequest,
    created: &Created,
) -> MetadataResponse {
    let topics = Topics {
        view,
        version,
        operations: topic_operations(request.include_topic_authorized_operations),
    };
    let brokers = view.brokers().into_iter().map(|endpoint| {
        MetadataResponseBroker::default()
            .with_node_id(endpoint.id)
            .with_host(endpoint.host)
            .with_port(endpoint.port)
    });
    let mut response = MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(view.spec.cluster_id.to_string())))
        .with_controller_id(view.controller())
        .with_topics(topics.answer(request, created));
    if CLUSTER_OPERATIONS.contains(&version) {
        response.cluster_authorized_operations =
            cluster_operations(request.include_cluster_authorized_operations);
    }
    response
}

struct Topics<'a> {
    view: &'a View<'a>,
    version: i16,
    operations: i32,
}

impl Topics<'_> {
    fn answer(&self, request: &MetadataRequest, created: &Created) -> Vec<MetadataResponseTopic> {
        match &request.topics {
            Some(asked) if !(asked.is_empty() && self.version <= EMPTY_MEANS_ALL) => {
                asked.iter().map(|asked| self.one(asked, created)).collect()
            }
            _ => {
                let every = self.view.image.topics.values();
                every.map(|topic| self.found(topic)).collect()
            }
        }
    }

    fn one(&self, asked: &MetadataRequestTopic, created: &Created) -> MetadataResponseTopic {
        match &asked.name {
            Some(name) => self.by_name(name, created),
            None => self.by_id(asked),
        }
    }

    fn by_name(&self, name: &TopicName, created: &Created) -> MetadataResponseTopic {
        let image = &self.view.image;
        match (image.topic(name), created.get(name.as_str())) {
            (Some(topic), _) | (None, Some(Ok(topic))) => self.found(topic),
            (None, Some(Err(error))) => self.error(*error).with_name(Some(name.clone())),
            (None, None) => {
                let error = match valid_name(name) {
                    Ok(()) => ResponseError::UnknownTopicOrPartition,
                    Err(_) => ResponseError::InvalidTopicException,
                };
                self.error(error).with_name(Some(name.clone()))
            }
        }
    }

    fn by_id(&self, asked: &MetadataRequestTopic) -> MetadataResponseTopic {
        if let Some(topic) = self.view.image.topic_by_id(TopicId(asked.topic_id)) {
            return self.found(topic);
        }
        let no_name = (self.version < NULL_NAMES).then(TopicName::default);
        self.error(ResponseError::UnknownTopicId)
            .with_name(no_name)
            .with_topic_id(asked.topic_id)
    }

    fn error(&self, error: ResponseError) -> MetadataResponseTopic {
        self.blank().with_error_code(error.code())
    }

    fn blank(&self) -> MetadataResponseTopic {
        let topic = MetadataResponseTopic::default();
        if self.version < TOPIC_OPERATIONS {
            return topic;
        }
        topic.with_topic_authorized_operations(self.operations)
    }

    fn found(&self, topic: &TopicImage) -> MetadataResponseTopic {
        let partitions = (0..).zip(&topic.partitions);
        self.blank()
            .with_name(Some(TopicName(text(&*topic.name))))
            .with_topic_id(topic.id.0)
            .with_is_internal(topic.is_internal())
            .with_partitions(
                partitions
                    .map(|(index, partition)| self.partition(topic, index, partition))
                    .collect(),
            )
    }

    fn partition(
        &self,
        topic: &TopicImage,
        index: u32,
        partition: &PartitionImage,
    ) -> MetadataResponsePartition {
        let known = self.view.leader(topic.group(index));
        let replicas = bugs::told_replicas(self.view.spec, &partition.replicas);
        let replicas = replicas.iter().copied();
        let offline = replicas.clone().filter(|node| !self.view.is_live(*node));
        MetadataResponsePartition::default()
            .with_error_code(known.error.map_or(0, |error| error.code()))
            .with_partition_index(index as i32)
            .with_leader_id(known.leader)
            .with_leader_epoch(known.epoch)
            .with_isr_nodes(known.isr)
            .with_offline_replicas(offline.map(broker_id).collect())
            .with_replica_nodes(replicas.map(broker_id).collect())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiKey, ResponseKind};

    use super::super::checks::refusal;
    use super::super::fixture::{Fixture, encodes_at_all_versions};
    use super::*;

    fn asks(names: &[&'static str]) -> MetadataRequest {
        let topics = names
            .iter()
            .map(|name| MetadataRequestTopic::default().with_name(Some(TopicName(text(*name)))));
        MetadataRequest::default().with_topics(Some(topics.collect()))
    }

    fn answer(fixture: &Fixture, request: &MetadataRequest) -> MetadataResponse {
        respond(&fixture.view(), 12, request, &Created::new())
    }

    #[test]
    fn encodes_at_every_version() {
        let mut fixture = Fixture::new();
        fixture.topic("a", 3);
        fixture.topic("__consumer_offsets", 1);
        let created = Created::from([
            ("late".to_owned(), Err(ResponseError::LeaderNotAvailable)),
            ("new".to_owned(), Ok(Arc::clone(&fixture.image.topics["a"]))),
        ]);
        let names = asks(&["a", "nope", "a/b", "late", "new"])
            .with_include_cluster_authorized_operations(true)
            .with_include_topic_authorized_operations(true);
        let every = MetadataRequest::default().with_topics(None);
        let by_id = MetadataRequestTopic::default()
            .with_name(None)
            .with_topic_id(TopicId::random().0);
        let unknown_id = MetadataRequest::default().with_topics(Some(vec![by_id]));
        encodes_at_all_versions(ApiKey::Metadata, |version| {
            let mut requests = vec![&names, &every];
            if version >= 10 {
                requests.push(&unknown_id);
            }
            requests
                .into_iter()
                .map(|request| respond(&fixture.view(), version, request, &created))
                .map(ResponseKind::Metadata)
                .collect()
        });
    }

    #[test]
    fn null_asks_for_all_and_an_empty_list_for_none_but_in_version_0() {
        let mut fixture = Fixture::new();
        fixture.topic("a", 1);
        fixture.topic("__consumer_offsets", 1);
        let count = |version, topics| {
            let request = MetadataRequest::default().with_topics(topics);
            respond(&fixture.view(), version, &request, &Created::new())
                .topics
                .len()
        };
        assert_eq!(count(1, None), 2);
        assert_eq!(count(1, Some(Vec::new())), 0);
        assert_eq!(count(0, Some(Vec::new())), 2);
    }

    #[test]
    fn errors_are_those_that_clients_expect() {
        let fixture = Fixture::new();
        let codes: Vec<i16> = answer(&fixture, &asks(&["nope", "a/b", ""]))
            .topics
            .iter()
            .map(|topic| topic.error_code)
            .collect();
        assert_eq!(codes, [3, 17, 17]);
    }

    #[test]
    fn a_partition_without_a_leader_keeps_its_epoch() {
        let mut fixture = Fixture::new();
        let id = fixture.topic("a", 2);
        fixture.kill(1);
        let answer = answer(&fixture, &asks(&["a"]));
        assert_eq!(answer.brokers.len(), 2);
        let topic = &answer.topics[0];
        assert_eq!((topic.error_code, topic.topic_id), (0, id.0));
        let [orphan, led] = &topic.partitions[..] else {
            panic!("two partitions")
        };
        assert_eq!((orphan.error_code, orphan.leader_id.0), (5, -1));
        assert_eq!(orphan.leader_epoch, 7);
        assert_eq!(orphan.offline_replicas, [1]);
        assert_eq!(
            (led.error_code, led.leader_id.0, led.leader_epoch),
            (0, 2, 7)
        );
    }

    #[test]
    fn a_topic_is_found_by_its_id() {
        let mut fixture = Fixture::new();
        let id = fixture.topic("a", 1);
        let by = |id: TopicId| {
            let asked = MetadataRequestTopic::default()
                .with_name(None)
                .with_topic_id(id.0);
            let request = MetadataRequest::default().with_topics(Some(vec![asked]));
            answer(&fixture, &request).topics.remove(0)
        };
        assert_eq!(by(id).name.unwrap().as_str(), "a");
        let stranger = TopicId::random();
        let unknown = by(stranger);
        assert_eq!(unknown.error_code, 100);
        assert_eq!((unknown.name, unknown.topic_id), (None, stranger.0));
    }

    #[test]
    fn only_lawful_missing_names_are_created() {
        let mut fixture = Fixture::new();
        fixture.topic("a", 1);
        let request = asks(&["a", "b", "b", "c/d", "__consumer_offsets"]);
        let missing: Vec<String> = missing(&fixture.image, &request).into_iter().collect();
        assert_eq!(missing, ["b"]);
    }

    #[test]
    fn a_slow_creation_is_retriable_and_a_hopeless_one_is_not() {
        let judge = |code| retriable(&refusal(code, "")).code();
        assert_eq!(judge(ResponseError::RequestTimedOut), 5);
        assert_eq!(judge(ResponseError::TopicAlreadyExists), 5);
        assert_eq!(judge(ResponseError::NotController), 5);
        assert_eq!(judge(ResponseError::InvalidTopicException), 17);
    }
}
