//! A cluster of three nodes as plain values, for the tests of the handlers.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::{ApiKey, ResponseKind};

use super::view::View;
use crate::node::cluster::Leadership;
use crate::node::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::protocol::api::served;
use crate::protocol::frame::{RequestHead, decode_response, encode_response};
use crate::spec::{ClusterId, GroupId, NodeId, NodeSpec, Peer, Ports, Settings, TopicId};

/// Three live nodes with the default ports; node 2 leads the metadata group.
pub(super) struct Fixture {
    pub(super) spec: NodeSpec,
    pub(super) image: MetadataImage,
    live: Vec<NodeId>,
    leaderships: BTreeMap<GroupId, Leadership>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self {
            spec: spec(Settings::default()),
            image: MetadataImage::default(),
            live: vec![NodeId(1), NodeId(2), NodeId(3)],
            leaderships: BTreeMap::new(),
        }
    }

    /// Adds a topic on all three nodes, led by its first replica in epoch 7.
    pub(super) fn topic(&mut self, name: &str, partitions: u32) -> TopicId {
        let id = TopicId::random();
        let replicas = |index: u32| {
            (0..3)
                .map(|step| NodeId(u64::from((index + step) % 3) + 1))
                .collect::<Vec<_>>()
        };
        for index in 0..partitions {
            let leadership = Leadership {
                leader: replicas(index).first().copied(),
                epoch: 7,
                isr: replicas(index),
            };
            self.leaderships
                .insert(GroupId::partition(id, index), leadership);
        }
        let partitions = (0..partitions).map(|index| PartitionImage {
            replicas: replicas(index),
            initialiser: replicas(index)[0],
        });
        let topic = TopicImage {
            name: name.to_owned(),
            created_at: 0,
            id,
            partitions: partitions.collect(),
            configs: BTreeMap::new(),
        };
        self.image.topics.insert(name.to_owned(), Arc::new(topic));
        id
    }

    pub(super) fn config(&mut self, topic: &str, key: &str, value: &str) {
        let topic = Arc::make_mut(self.image.topics.get_mut(topic).unwrap());
        topic.configs.insert(key.to_owned(), value.to_owned());
    }

    /// A node dies: nobody leads what it led.
    pub(super) fn kill(&mut self, node: u64) {
        self.live.retain(|live| *live != NodeId(node));
        for leadership in self.leaderships.values_mut() {
            leadership.leader = leadership.leader.filter(|leader| *leader != NodeId(node));
        }
    }

    pub(super) fn view(&self) -> View<'_> {
        View::new(
            &self.spec,
            Arc::new(self.image.clone()),
            (self.live.clone(), Some(NodeId(2))),
            Box::new(|group| {
                self.leaderships.get(&group).cloned().unwrap_or(Leadership {
                    leader: None,
                    epoch: -1,
                    isr: Vec::new(),
                })
            }),
        )
    }
}

/// Node 1 of three.
pub(super) fn spec(settings: Settings) -> NodeSpec {
    let peer = |id: u64, kafka_port| Peer {
        id: NodeId(id),
        dial: ([127, 0, 0, 1], kafka_port + 1).into(),
        kafka_port,
    };
    NodeSpec {
        cluster_name: "test".to_owned(),
        cluster_id: ClusterId::random(),
        secret: "00".repeat(32),
        node: NodeId(1),
        parent_pid: None,
        ports: Ports {
            kafka: 9092,
            raft: 9093,
            metrics: 9094,
            search: None,
        },
        peers: vec![peer(2, 9192), peer(3, 9292)],
        data_dir: "/nowhere".into(),
        settings,
    }
}

/// Encodes what `answers` gives at every served version and reads it back.
pub(super) fn encodes_at_all_versions(key: ApiKey, answers: impl Fn(i16) -> Vec<ResponseKind>) {
    let row = served(key as i16).unwrap();
    for version in row.min..=row.max {
        let head = RequestHead {
            api_key: key as i16,
            api_version: version,
            correlation_id: 9,
        };
        for (index, answer) in answers(version).into_iter().enumerate() {
            let frame = encode_response(&head, &answer)
                .unwrap_or_else(|error| panic!("v{version} #{index}: {error:?} {answer:?}"));
            let (id, _) = decode_response(key, version, frame.slice(4..))
                .unwrap_or_else(|error| panic!("v{version} #{index}: {error:?} {answer:?}"));
            assert_eq!(id, 9);
        }
    }
}
