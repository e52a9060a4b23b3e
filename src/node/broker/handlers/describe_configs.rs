//! DescribeConfigs (32): every config of topics and brokers, with type, source and synonyms
//! (KIP-133, KIP-226, KIP-569).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::checks::refusal;
use super::view::View;
use super::{Context, text};
use crate::node::cluster::Refusal;
use crate::protocol::topic::valid_name;
use crate::spec::NodeId;
use crate::spec::configs::{self, ConfigKey, ConfigSource, ConfigType, Layers, Scope};

/// The resource types of the wire.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// The first version with types and documentation.
const TYPES: i16 = 3;

/// Answers from local state, after what was committed before the request has come here.
pub(in crate::node::broker) async fn handle(
    cx: &Context,
    version: i16,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    // Without a majority the local state is still the best answer that there is.
    if let Err(error) = cx.cluster.read_barrier().await {
        tracing::debug!(%error, "configs are described from local state");
    }
    respond(&View::of(&cx.cluster), version, request)
}

fn respond(
    view: &View<'_>,
    version: i16,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let form = Form {
        version,
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
    };
    let results = request.resources.iter().map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match describe(view, &form, resource) {
            Ok(configs) => result.with_error_message(None).with_configs(configs),
            Err(refusal) => result
                .with_error_code(refusal.code.code())
                .with_error_message(Some(text(refusal.message))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe(
    view: &View<'_>,
    form: &Form,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let mut entries = match resource.resource_type {
        TOPIC => topic(view, form, &resource.resource_name),
        BROKER => broker(view, form, &resource.resource_name),
        other => {
            let words = format!("resource type {other}: only topics (2) and brokers (4)");
            Err(refusal(ResponseError::InvalidRequest, words))
        }
    }?;
    if let Some(keys) = &resource.configuration_keys
        && !keys.is_empty()
    {
        entries.retain(|entry| keys.contains(&entry.name));
    }
    Ok(entries)
}

fn topic(
    view: &View<'_>,
    form: &Form,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    valid_name(name).map_err(|why| refusal(ResponseError::InvalidTopicException, why))?;
    let topic = view.image.topic(name).ok_or_else(|| {
        let words = format!("there is no topic {name:?}");
        refusal(ResponseError::UnknownTopicOrPartition, words)
    })?;
    let layers = Layers {
        topic: Some(&topic.configs),
        cluster: &view.image.broker_configs,
        scope: Scope {
            settings: &view.spec.settings,
            nodes: view.spec.node_ids().len(),
            replicas: topic
                .partitions
                .first()
                .map_or(0, |first| first.replicas.len()),
        },
    };
    let keys = configs::TOPIC.iter();
    Ok(keys
        .map(|key| form.entry(key, &layers).with_read_only(false))
        .collect())
}

/// The empty name asks for what is set at run time for all brokers.
fn broker(
    view: &View<'_>,
    form: &Form,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let nodes = view.spec.node_ids();
    let node = name.parse().ok().and_then(NodeId::from_broker_id);
    let node = node.filter(|node| nodes.contains(node));
    if node.is_none() && !name.is_empty() {
        let words = format!("broker {name:?}: this cluster has 1 to {}", nodes.len());
        return Err(refusal(ResponseError::InvalidRequest, words));
    }
    let layers = Layers {
        topic: None,
        cluster: &view.image.broker_configs,
        scope: Scope {
            settings: &view.spec.settings,
            nodes: nodes.len(),
            replicas: view.spec.settings.replication_factor(nodes.len()),
        },
    };
    let is_set = |key: &&ConfigKey| node.is_some() || layers.cluster.contains_key(key.name);
    let keys = configs::BROKER.iter().filter(is_set);
    let mut entries: Vec<_> = keys.map(|key| form.entry(key, &layers)).collect();
    if let Some(node) = node {
        entries.extend(form.own(view, node));
    }
    Ok(entries)
}

/// What of each config the client wants to see.
struct Form {
    version: i16,
    synonyms: bool,
    documentation: bool,
}

impl Form {
    fn entry(&self, key: &ConfigKey, layers: &Layers<'_>) -> DescribeConfigsResourceResult {
        let values = layers.values(key);
        let holds = &values[0];
        let synonyms = values.iter().filter(|_| self.synonyms).map(|value| {
            DescribeConfigsSynonym::default()
                .with_name(text(value.name))
                .with_value(Some(text(&*value.value)))
                .with_source(value.source.code())
        });
        self.typed(key.kind, key.documentation)
            .with_name(text(key.name))
            .with_value(Some(text(&*holds.value)))
            .with_config_source(holds.source.code())
            .with_synonyms(synonyms.collect())
    }

    fn typed(&self, kind: ConfigType, words: &str) -> DescribeConfigsResourceResult {
        let entry = DescribeConfigsResourceResult::default()
            .with_read_only(true)
            .with_documentation(None);
        if self.version < TYPES {
            return entry;
        }
        entry
            .with_config_type(kind.code())
            .with_documentation(self.documentation.then(|| text(words)))
    }

    /// The configs that differ from node to node.
    fn own(&self, view: &View<'_>, node: NodeId) -> Vec<DescribeConfigsResourceResult> {
        let listener = view.endpoint(node).map(|endpoint| {
            let (host, port) = (endpoint.host, endpoint.port);
            format!("PLAINTEXT://{}:{port}", &*host)
        });
        let listener = listener.unwrap_or_default();
        let id = node.broker_id().to_string();
        [
            (
                "advertised.listeners",
                ConfigType::String,
                listener.clone(),
                "Where clients connect.",
            ),
            (
                "broker.id",
                ConfigType::Int,
                id.clone(),
                "This broker's id.",
            ),
            (
                "listeners",
                ConfigType::String,
                listener,
                "Where this broker listens.",
            ),
            ("node.id", ConfigType::Int, id, "This broker's id."),
        ]
        .into_iter()
        .map(|(name, kind, value, words)| {
            let synonym = DescribeConfigsSynonym::default()
                .with_name(text(name))
                .with_value(Some(text(&*value)))
                .with_source(ConfigSource::Static.code());
            self.typed(kind, words)
                .with_name(text(name))
                .with_value(Some(text(value)))
                .with_config_source(ConfigSource::Static.code())
                .with_synonyms(if self.synonyms {
                    vec![synonym]
                } else {
                    Vec::new()
                })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiKey, ResponseKind};

    use super::super::fixture::{Fixture, encodes_at_all_versions};
    use super::*;

    fn resource(kind: i8, name: &str) -> DescribeConfigsResource {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    }

    fn describe_one(fixture: &Fixture, resource: DescribeConfigsResource) -> DescribeConfigsResult {
        let request = DescribeConfigsRequest::default()
            .with_include_synonyms(true)
            .with_include_documentation(true)
            .with_resources(vec![resource]);
        respond(&fixture.view(), 4, &request).results.remove(0)
    }

    fn find<'a>(
        result: &'a DescribeConfigsResult,
        name: &str,
    ) -> &'a DescribeConfigsResourceResult {
        result
            .configs
            .iter()
            .find(|entry| &*entry.name == name)
            .unwrap()
    }

    #[test]
    fn encodes_at_every_version() {
        let mut fixture = Fixture::new();
        fixture.topic("a", 1);
        let resources = [
            resource(TOPIC, "a"),
            resource(TOPIC, "nope"),
            resource(BROKER, "1"),
            resource(BROKER, ""),
            resource(BROKER, "9"),
            resource(8, "x"),
        ];
        let request = DescribeConfigsRequest::default()
            .with_include_synonyms(true)
            .with_include_documentation(true)
            .with_resources(resources.into());
        encodes_at_all_versions(ApiKey::DescribeConfigs, |version| {
            let answer = respond(&fixture.view(), version, &request);
            vec![ResponseKind::DescribeConfigs(answer)]
        });
    }

    #[test]
    fn a_topic_lists_every_key_with_its_source() {
        let mut fixture = Fixture::new();
        fixture.topic("a", 1);
        fixture.config("a", "cleanup.policy", "compact");
        let result = describe_one(&fixture, resource(TOPIC, "a"));
        assert_eq!(result.configs.len(), configs::TOPIC.len());
        let policy = find(&result, "cleanup.policy");
        assert_eq!(policy.value.as_deref(), Some("compact"));
        assert_eq!((policy.config_source, policy.config_type), (1, 7));
        assert!(!policy.read_only && policy.documentation.is_some());
        let synonyms: Vec<_> = policy
            .synonyms
            .iter()
            .map(|synonym| (&*synonym.name, synonym.source))
            .collect();
        assert_eq!(synonyms, [("cleanup.policy", 1), ("log.cleanup.policy", 5)]);
    }

    #[test]
    fn a_broker_lists_the_defaults_of_topics_and_its_own_listener() {
        let result = describe_one(&Fixture::new(), resource(BROKER, "2"));
        let value = |name| find(&result, name).value.clone().unwrap().to_string();
        assert_eq!(value("default.replication.factor"), "3");
        assert_eq!(value("num.partitions"), "3");
        assert_eq!(value("broker.id"), "2");
        assert_eq!(value("advertised.listeners"), "PLAINTEXT://127.0.0.1:9192");
        assert!(result.configs.iter().all(|entry| entry.read_only));
    }

    #[test]
    fn only_what_was_asked_for() {
        let mut fixture = Fixture::new();
        fixture.topic("a", 1);
        let keys = vec![text("retention.ms"), text("no.such")];
        let asked = resource(TOPIC, "a").with_configuration_keys(Some(keys));
        let result = describe_one(&fixture, asked);
        assert_eq!(result.configs.len(), 1);
        assert_eq!(&*result.configs[0].name, "retention.ms");
    }

    #[test]
    fn strangers_are_refused_in_words() {
        let fixture = Fixture::new();
        for (kind, name, code) in [
            (TOPIC, "b", 3),
            (TOPIC, "/", 17),
            (BROKER, "4", 42),
            (8, "", 42),
        ] {
            let result = describe_one(&fixture, resource(kind, name));
            assert_eq!(result.error_code, code, "{kind} {name:?}");
            assert!(result.error_message.is_some());
        }
        assert!(
            describe_one(&fixture, resource(BROKER, ""))
                .configs
                .is_empty()
        );
    }
}
