//! What is refused, in Elasticsearch's error shape.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::node::search::SearchError;

/// A request that is not served, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status of the answer.
    pub(super) status: StatusCode,
    kind: &'static str,
    reason: String,
    topic: Option<String>,
}

impl Refusal {
    /// A refusal of Elasticsearch's type `kind`.
    pub(super) fn new(status: StatusCode, kind: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            reason: reason.into(),
            topic: None,
        }
    }

    /// The body or a parameter cannot be understood.
    pub(super) fn parsing(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parsing_exception", reason)
    }

    /// The request is understood and asks for what cannot be given.
    pub(super) fn argument(reason: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "illegal_argument_exception",
            reason,
        )
    }

    /// There is no such topic.
    pub(super) fn no_topic(topic: &str) -> Self {
        let reason = format!("no such index [{topic}]");
        Self {
            topic: Some(topic.to_owned()),
            ..Self::new(StatusCode::NOT_FOUND, "index_not_found_exception", reason)
        }
    }

    /// The topic exists and is not searched.
    pub(super) fn not_searchable(topic: &str) -> Self {
        let reason = format!(
            "topic [{topic}] is not searchable: create it with --config searchable.enabled=true, \
             or start the cluster with --set search.default=true"
        );
        Self {
            topic: Some(topic.to_owned()),
            ..Self::argument(reason)
        }
    }

    /// As many searches as a node holds at once are under way, and none ended in time.
    pub(super) fn busy() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "es_rejected_execution_exception",
            "other searches took all the time of this one: ask again later",
        )
    }

    /// The body is larger than is taken.
    pub(super) fn too_large(limit: usize) -> Self {
        let reason = format!("the body is larger than {limit} bytes");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "content_too_long_exception",
            reason,
        )
    }

    /// Why, in words.
    #[cfg(test)]
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let mut cause = json!({ "type": self.kind, "reason": self.reason });
        if let Some(topic) = &self.topic {
            cause["index"] = json!(topic);
            cause["resource.id"] = json!(topic);
            cause["resource.type"] = json!("index_or_alias");
        }
        let mut error = cause.clone();
        error["root_cause"] = json!([cause]);
        json!({ "error": error, "status": self.status.as_u16() })
    }
}

/// The kind of a partition's failure, and the status where nothing else was answered.
pub(super) fn of_partition(error: &SearchError) -> (StatusCode, &'static str) {
    match error {
        SearchError::Invalid(_) => (StatusCode::BAD_REQUEST, "query_shard_exception"),
        SearchError::TooMuch(_) => (StatusCode::BAD_REQUEST, "too_complex_exception"),
        SearchError::TooManyBuckets(_) => (StatusCode::BAD_REQUEST, "too_many_buckets_exception"),
        SearchError::NotSearchable => (StatusCode::BAD_REQUEST, "illegal_argument_exception"),
        SearchError::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timeout_exception"),
        SearchError::NotLeader => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no_shard_available_action_exception",
        ),
        SearchError::Unreadable(_) | SearchError::Failed(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "query_phase_execution_exception",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_elasticsearchs() {
        let body = Refusal::parsing("unknown query [wat]").body();
        assert_eq!(body["status"], 400);
        assert_eq!(body["error"]["type"], "parsing_exception");
        assert_eq!(
            body["error"]["root_cause"][0]["reason"],
            "unknown query [wat]"
        );
        let body = Refusal::no_topic("nope").body();
        assert_eq!(body["status"], 404);
        assert_eq!(body["error"]["index"], "nope");
        assert_eq!(body["error"]["reason"], "no such index [nope]");
    }
}
