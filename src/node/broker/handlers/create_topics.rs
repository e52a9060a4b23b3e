//! CreateTopics (19): checks what is asked for, then has the metadata group make it.
//!
//! Each refusal says which value would have been right. The answer comes when every partition
//! has a leader that all live nodes know (the cluster's promise), so that a client may go on at
//! once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};

use super::checks::{check_new_name, refusal};
use super::{Context, bounded_timeout, text};
use crate::node::cluster::{Check, NewTopic, Refusal};
use crate::node::metadata::{MetadataImage, TopicImage};
use crate::spec::configs::{self, Layers, Scope};
use crate::spec::{NodeId, NodeSpec};

/// The value that asks for the broker's default (KIP-464).
const DEFAULT: i32 = -1;
/// The first version that answers with the topic's configs (KIP-525).
const CONFIGS: i16 = 5;

/// Creates what can be created; each topic has its own answer.
pub(in crate::node::broker) async fn handle(
    cx: &Context,
    version: i16,
    request: &CreateTopicsRequest,
) -> CreateTopicsResponse {
    let image = cx.cluster.image();
    let plans = plan(cx.cluster.spec(), &image, request);
    let wanted = plans.iter().filter_map(|plan| plan.as_ref().ok()).cloned();
    let wanted: Vec<NewTopic> = wanted.collect();
    let timeout = bounded_timeout(request.timeout_ms);
    let check = if request.validate_only {
        Check::Only
    } else {
        Check::AndDo
    };
    let created = cx.cluster.create_topics(wanted, timeout, check).await;
    let mut created = created.into_iter();
    let answers = plans.into_iter().map(|plan| {
        plan.and_then(|_| {
            created
                .next()
                .expect("as many answers as topics were asked for")
        })
    });
    respond(cx.cluster.spec(), version, request, answers.collect())
}

/// One plan or refusal for each topic of the request, in its order.
fn plan(
    spec: &NodeSpec,
    image: &MetadataImage,
    request: &CreateTopicsRequest,
) -> Vec<Result<NewTopic, Refusal>> {
    let mut planner = Planner {
        spec,
        image,
        partitions: image.partition_count(),
    };
    let repeated = repeated(request);
    let topics = request.topics.iter();
    topics
        .map(|topic| {
            if !repeated.contains(topic.name.as_str()) {
                return planner.plan(topic);
            }
            let words = format!("the request names topic {:?} more than once", &*topic.name);
            Err(refusal(ResponseError::InvalidRequest, words))
        })
        .collect()
}

fn repeated(request: &CreateTopicsRequest) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    let names = request.topics.iter().map(|topic| topic.name.as_str());
    names.filter(|name| !seen.insert(*name)).collect()
}

struct Planner<'a> {
    spec: &'a NodeSpec,
    image: &'a MetadataImage,
    /// Partitions of the cluster, those planned so far included.
    partitions: usize,
}

impl Planner<'_> {
    fn plan(&mut self, topic: &CreatableTopic) -> Result<NewTopic, Refusal> {
        check_new_name(self.image, &topic.name)?;
        let configs = checked_configs(topic)?;
        let mut new = NewTopic {
            name: topic.name.to_string(),
            partitions: None,
            replication_factor: None,
            assignments: None,
            configs,
        };
        if topic.assignments.is_empty() {
            new.partitions = partitions(topic.num_partitions)?;
            new.replication_factor = self.replicas(topic.replication_factor)?;
        } else {
            new.assignments = Some(self.assignments(topic)?);
        }
        self.count(&new)?;
        Ok(new)
    }

    fn replicas(&self, asked: i16) -> Result<Option<usize>, Refusal> {
        let nodes = self.spec.node_ids().len();
        let default = self.spec.settings.replication_factor(nodes);
        let wanted = match usize::try_from(asked) {
            Ok(wanted) => wanted,
            Err(_) if i32::from(asked) == DEFAULT => default,
            Err(_) => 0,
        };
        if (1..=nodes).contains(&wanted) {
            return Ok((i32::from(asked) != DEFAULT).then_some(wanted));
        }
        let words = format!(
            "replication factor {wanted}: this cluster has {nodes} nodes, so 1 to {nodes} is \
             possible (-1 for the default)"
        );
        Err(refusal(ResponseError::InvalidReplicationFactor, words))
    }

    fn assignments(&self, topic: &CreatableTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let counted =
            topic.num_partitions != DEFAULT || i32::from(topic.replication_factor) != DEFAULT;
        if counted {
            let words = "with assignments, the number of partitions and the replication factor \
                         must both be -1";
            return Err(refusal(ResponseError::InvalidRequest, words));
        }
        let mut by_index = BTreeMap::new();
        for assignment in &topic.assignments {
            let replicas = self.assignment(assignment)?;
            by_index.insert(assignment.partition_index, replicas);
        }
        let assignments: Vec<Vec<NodeId>> = by_index.values().cloned().collect();
        let consecutive = (0..).zip(by_index.keys()).all(|(at, index)| at == *index);
        if !consecutive || assignments.len() != topic.assignments.len() {
            let words = "assignments must be for partitions 0, 1, 2, ... and each only once";
            return Err(refusal(ResponseError::InvalidReplicaAssignment, words));
        }
        if assignments
            .iter()
            .any(|one| one.len() != assignments[0].len())
        {
            let words = "all partitions must have the same number of replicas";
            return Err(refusal(ResponseError::InvalidReplicaAssignment, words));
        }
        Ok(assignments)
    }

    fn assignment(&self, asked: &CreatableReplicaAssignment) -> Result<Vec<NodeId>, Refusal> {
        let nodes = self.spec.node_ids();
        let known = |id: i32| NodeId::from_broker_id(id).filter(|node| nodes.contains(node));
        let ids = asked.broker_ids.iter();
        let replicas: Option<Vec<NodeId>> = ids.map(|id| known(id.0)).collect();
        let unique: BTreeSet<&NodeId> = replicas.iter().flatten().collect();
        match &replicas {
            Some(found) if !found.is_empty() && unique.len() == found.len() => Ok(found.clone()),
            _ => {
                let words = format!(
                    "partition {}: replicas must be different broker ids from 1 to {}",
                    asked.partition_index,
                    nodes.len()
                );
                Err(refusal(ResponseError::InvalidReplicaAssignment, words))
            }
        }
    }

    fn count(&mut self, new: &NewTopic) -> Result<(), Refusal> {
        let settings = &self.spec.settings;
        let default = settings.num_partitions() as usize;
        let asked = match &new.assignments {
            Some(assignments) => assignments.len(),
            None => new.partitions.map_or(default, |count| count as usize),
        };
        let (have, limit) = (self.partitions, settings.max_partitions());
        if have.saturating_add(asked) <= limit {
            self.partitions += asked;
            return Ok(());
        }
        let words = format!(
            "{asked} more partitions would make {}, and this cluster accepts {limit}: make \
             fewer, or start it with --set max.partitions=N",
            have.saturating_add(asked)
        );
        Err(refusal(ResponseError::InvalidPartitions, words))
    }
}

fn partitions(asked: i32) -> Result<Option<u32>, Refusal> {
    match u32::try_from(asked) {
        Ok(count @ 1..) => Ok(Some(count)),
        Err(_) if asked == DEFAULT => Ok(None),
        _ => {
            let words = format!("{asked} partitions: at least 1, or -1 for the default");
            Err(refusal(ResponseError::InvalidPartitions, words))
        }
    }
}

fn checked_configs(topic: &CreatableTopic) -> Result<BTreeMap<String, String>, Refusal> {
    let mut checked = BTreeMap::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let words = format!("{}: a topic's config needs a value", &*config.name);
            return Err(refusal(ResponseError::InvalidConfig, words));
        };
        configs::check_topic_config(&config.name, value)
            .map_err(|words| refusal(ResponseError::InvalidConfig, words))?;
        checked.insert(config.name.to_string(), value.to_string());
    }
    Ok(checked)
}

fn respond(
    spec: &NodeSpec,
    version: i16,
    request: &CreateTopicsRequest,
    answers: Vec<Result<Arc<TopicImage>, Refusal>>,
) -> CreateTopicsResponse {
    let topics = request.topics.iter().zip(answers).map(|(asked, answer)| {
        let result = CreatableTopicResult::default().with_name(asked.name.clone());
        match answer {
            Ok(topic) => created(spec, version, &topic, result),
            Err(refusal) => result
                .with_error_code(refusal.code.code())
                .with_error_message(Some(text(refusal.message))),
        }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn created(
    spec: &NodeSpec,
    version: i16,
    topic: &TopicImage,
    result: CreatableTopicResult,
) -> CreatableTopicResult {
    let replicas = topic
        .partitions
        .first()
        .map_or(0, |first| first.replicas.len());
    let result = result
        .with_error_message(None)
        .with_topic_id(topic.id.0)
        .with_num_partitions(topic.partitions.len() as i32)
        .with_replication_factor(replicas as i16);
    if version < CONFIGS {
        return result;
    }
    result.with_configs(Some(effective(spec, topic, replicas)))
}

fn effective(spec: &NodeSpec, topic: &TopicImage, replicas: usize) -> Vec<CreatableTopicConfigs> {
    let layers = Layers {
        topic: Some(&topic.configs),
        cluster: &BTreeMap::new(),
        scope: Scope {
            settings: &spec.settings,
            nodes: spec.node_ids().len(),
            replicas,
        },
    };
    let keys = configs::TOPIC.iter();
    keys.map(|key| {
        let value = layers.values(key).swap_remove(0);
        CreatableTopicConfigs::default()
            .with_name(text(key.name))
            .with_value(Some(text(value.value)))
            .with_config_source(value.source.code())
    })
    .collect()
}

#[cfg(test)]
mod tests;
