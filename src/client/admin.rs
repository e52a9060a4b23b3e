//! Small typed calls on one broker.
//!
//! Each call is one request on one connection and returns what that broker says, also when another
//! broker would say something else. Nothing here follows a leader or a coordinator: the caller
//! chooses whom to ask.

mod configs;
mod groups;
mod offsets;
mod topics;
mod view;

use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, InitProducerIdRequest, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::api::Api;
use super::connection::Connection;
use super::error::{CallError, ClientError, ErrorCode};

pub use configs::{ConfigEntry, ConfigSource};
pub use groups::Coordinator;
pub(super) use offsets::group_id;
pub use offsets::{CommittedOffset, OffsetSpec, PartitionOffset};
pub use topics::NewTopic;
pub(super) use view::resolve;
pub use view::{BrokerView, ClusterView, PartitionView, TopicView};

/// What a broker says of the versions of one API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiVersion {
    /// The API's key.
    pub key: i16,
    /// The lowest version served.
    pub min: i16,
    /// The highest version served.
    pub max: i16,
}

/// An idempotent producer's identity (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIdentity {
    /// Unique in the cluster.
    pub id: i64,
    /// Counts the lives of that id.
    pub epoch: i16,
}

/// A broker to call: a connection, and the deadline of each call on it.
#[derive(Debug)]
pub struct Admin {
    connection: Connection,
    timeout: Duration,
}

impl Admin {
    /// Connects to `addr`; connecting and then each call has `timeout`.
    pub async fn connect(addr: SocketAddr, timeout: Duration) -> Result<Self, ClientError> {
        let connection = Connection::connect(addr, timeout).await?;
        Ok(Self {
            connection,
            timeout,
        })
    }

    /// The broker's address.
    pub fn addr(&self) -> SocketAddr {
        self.connection.addr()
    }

    /// The connection, for calls that have no method here.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The APIs that this broker serves.
    pub async fn api_versions(&self) -> Result<Vec<ApiVersion>, CallError> {
        let answer = self.call(greeting()).await?;
        self.check(answer.error_code, None)?;
        let row = |api: kafka_protocol::messages::api_versions_response::ApiVersion| ApiVersion {
            key: api.api_key,
            min: api.min_version,
            max: api.max_version,
        };
        Ok(answer.api_keys.into_iter().map(row).collect())
    }

    /// The cluster as this broker sees it; `None` asks for all topics, `Some(&[])` for none.
    ///
    /// Never creates a topic. Errors of single topics and partitions are in the view.
    pub async fn metadata(&self, topics: Option<&[&str]>) -> Result<ClusterView, CallError> {
        let topics = topics.map(|names| names.iter().copied().map(named).collect());
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(false);
        let answer = self.call(request).await?;
        Ok(ClusterView::from_answer(answer).await)
    }

    /// A new identity for an idempotent producer.
    pub async fn init_producer_id(&self) -> Result<ProducerIdentity, CallError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let answer = self.call(request).await?;
        self.check(answer.error_code, None)?;
        Ok(ProducerIdentity {
            id: answer.producer_id.0,
            epoch: answer.producer_epoch,
        })
    }

    async fn call<R: Api>(&self, request: R) -> Result<R::Answer, ClientError> {
        self.connection.call(request, self.timeout).await
    }

    fn check(&self, code: i16, message: Option<&StrBytes>) -> Result<(), CallError> {
        ErrorCode::check(code).map_err(|code| CallError::Broker {
            addr: self.addr(),
            code,
            message: message.map(ToString::to_string),
        })
    }

    /// The one element of an answer to a request about one thing.
    fn only<T>(&self, answers: impl IntoIterator<Item = T>) -> Result<T, ClientError> {
        let mut answers = answers.into_iter();
        match (answers.next(), answers.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(ClientError::malformed(
                self.addr(),
                "one result was due, and not none or several",
            )),
        }
    }

    fn timeout_ms(&self) -> i32 {
        // The broker gives up first, so that its reason arrives before our own deadline.
        i32::try_from(self.timeout.as_millis() * 4 / 5).unwrap_or(i32::MAX)
    }
}

/// Asks one broker for the cluster as it sees it, on a connection of its own.
pub async fn metadata(
    addr: SocketAddr,
    topics: Option<&[&str]>,
    timeout: Duration,
) -> Result<ClusterView, CallError> {
    let asking = async { Admin::connect(addr, timeout).await?.metadata(topics).await };
    match tokio::time::timeout(timeout, asking).await {
        Ok(view) => view,
        Err(_elapsed) => Err(ClientError::Timeout {
            addr,
            after: timeout,
        }
        .into()),
    }
}

/// What a client says first: who it is, and which versions are served.
pub(super) fn greeting() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("chronik-dev"))
        .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")))
}

fn named(topic: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(topic_name(topic)))
}

pub(super) fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

#[cfg(test)]
mod tests;
