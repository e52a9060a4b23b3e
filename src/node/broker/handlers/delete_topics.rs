//! DeleteTopics (20): by name, and by id since version 6 (KIP-516).

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use uuid::Uuid;

use super::checks::refusal;
use super::{Context, bounded_timeout, text};
use crate::node::cluster::Refusal;
use crate::node::metadata::MetadataImage;
use crate::spec::TopicId;

/// The first version that names topics by id.
const IDS: i16 = 6;
/// The first version that says why.
const MESSAGES: i16 = 5;

/// A topic as the request names it, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    name: Option<TopicName>,
    id: Uuid,
}

/// Deletes what there is; each topic has its own answer.
pub(in crate::node::broker) async fn handle(
    cx: &Context,
    version: i16,
    request: &DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let asked = asked(version, request);
    let mut found = find_all(&cx.cluster.image(), &asked);
    // A topic that another node has just created may not have come here yet.
    if found.iter().any(is_unknown) && cx.cluster.read_barrier().await.is_ok() {
        found = find_all(&cx.cluster.image(), &asked);
    }
    let ids: Vec<TopicId> = found
        .iter()
        .filter_map(|one| one.as_ref().ok())
        .copied()
        .collect();
    let timeout = bounded_timeout(request.timeout_ms);
    let mut deleted = cx.cluster.delete_topics(ids, timeout).await.into_iter();
    let answers = found.into_iter().map(|one| {
        let id = one?;
        let answer = deleted
            .next()
            .expect("as many answers as topics were asked for");
        answer.map(|()| id)
    });
    respond(version, asked, answers.collect())
}

fn asked(version: i16, request: &DeleteTopicsRequest) -> Vec<Asked> {
    let by_name = |name: &TopicName| Asked {
        name: Some(name.clone()),
        id: Uuid::nil(),
    };
    let by_state = |state: &DeleteTopicState| Asked {
        name: state.name.clone(),
        id: state.topic_id,
    };
    match version {
        IDS.. => request.topics.iter().map(by_state).collect(),
        _ => request.topic_names.iter().map(by_name).collect(),
    }
}

fn find_all(image: &MetadataImage, asked: &[Asked]) -> Vec<Result<TopicId, Refusal>> {
    let mut seen = BTreeSet::new();
    asked
        .iter()
        .map(|asked| {
            let id = find(image, asked)?;
            if seen.insert(id) {
                return Ok(id);
            }
            let words = "the request names this topic more than once";
            Err(refusal(ResponseError::InvalidRequest, words))
        })
        .collect()
}

fn find(image: &MetadataImage, asked: &Asked) -> Result<TopicId, Refusal> {
    let topic = match (&asked.name, asked.id.is_nil()) {
        (Some(name), true) => image.topic(name).ok_or_else(|| {
            let words = format!("there is no topic {:?}", name.as_str());
            refusal(ResponseError::UnknownTopicOrPartition, words)
        }),
        (None, false) => image.topic_by_id(TopicId(asked.id)).ok_or_else(|| {
            let words = format!("there is no topic with id {}", asked.id);
            refusal(ResponseError::UnknownTopicId, words)
        }),
        _ => {
            let words = "a topic is named by its name or its id, and not by both";
            Err(refusal(ResponseError::InvalidRequest, words))
        }
    }?;
    if topic.is_internal() {
        let words = format!("{} holds the state of the groups and stays", topic.name);
        return Err(refusal(ResponseError::InvalidRequest, words));
    }
    Ok(topic.id)
}

fn is_unknown(found: &Result<TopicId, Refusal>) -> bool {
    found.as_ref().is_err_and(|refusal| {
        matches!(
            refusal.code,
            ResponseError::UnknownTopicOrPartition | ResponseError::UnknownTopicId
        )
    })
}

fn respond(
    version: i16,
    asked: Vec<Asked>,
    answers: Vec<Result<TopicId, Refusal>>,
) -> DeleteTopicsResponse {
    let results = asked.into_iter().zip(answers).map(|(asked, answer)| {
        let result = DeletableTopicResult::default()
            .with_name(asked.name)
            .with_topic_id(asked.id);
        match answer {
            Ok(id) => result.with_topic_id(id.0),
            Err(refusal) => result
                .with_error_code(refusal.code.code())
                .with_error_message((version >= MESSAGES).then(|| text(refusal.message))),
        }
    });
    DeleteTopicsResponse::default().with_responses(results.collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiKey, ResponseKind};

    use super::super::fixture::{Fixture, encodes_at_all_versions};
    use super::*;

    fn named(name: &str) -> Asked {
        Asked {
            name: Some(TopicName(text(name))),
            id: Uuid::nil(),
        }
    }

    #[test]
    fn encodes_at_every_version() {
        encodes_at_all_versions(ApiKey::DeleteTopics, |version| {
            let unknown = refusal(ResponseError::UnknownTopicOrPartition, "words");
            let mut asked = vec![named("a"), named("b")];
            let mut answers = vec![Ok(TopicId::random()), Err(unknown.clone())];
            if version >= IDS {
                asked.push(Asked {
                    name: None,
                    id: TopicId::random().0,
                });
                answers.push(Err(unknown));
            }
            vec![ResponseKind::DeleteTopics(respond(version, asked, answers))]
        });
    }

    #[test]
    fn topics_are_named_as_the_version_names_them() {
        let by_name = DeleteTopicsRequest::default().with_topic_names(vec![TopicName(text("a"))]);
        assert_eq!(asked(5, &by_name), [named("a")]);
        let state = DeleteTopicState::default().with_name(Some(TopicName(text("a"))));
        let by_state = DeleteTopicsRequest::default().with_topics(vec![state]);
        assert_eq!(asked(6, &by_state), [named("a")]);
    }

    #[test]
    fn names_and_ids_are_found_once() {
        let mut fixture = Fixture::new();
        let id = fixture.topic("a", 1);
        fixture.topic("__consumer_offsets", 1);
        let by_id = |id: TopicId| Asked {
            name: None,
            id: id.0,
        };
        let both = Asked {
            name: Some(TopicName(text("a"))),
            id: id.0,
        };
        let find = |asked: &[Asked]| -> Vec<i16> {
            find_all(&fixture.image, asked)
                .into_iter()
                .map(|found| found.map_or_else(|refusal| refusal.code.code(), |_| 0))
                .collect()
        };
        assert_eq!(find(&[named("a"), by_id(id)]), [0, 42]);
        assert_eq!(find(&[named("b"), by_id(TopicId::random())]), [3, 100]);
        assert_eq!(find(&[both, named("__consumer_offsets")]), [42, 42]);
        let nothing = Asked {
            name: None,
            id: Uuid::nil(),
        };
        assert_eq!(find(&[nothing]), [42]);
    }
}
