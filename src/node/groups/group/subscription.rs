//! What the members of a group read, as far as the coordinator can tell.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;

use super::Group;
use crate::node::groups::records::subscribed_topics;

/// The kind of group whose metadata is Kafka's own.
const CONSUMER: &str = "consumer";

impl Group {
    /// The topics whose offsets a member may be about to use.
    ///
    /// `NonEmptyGroup` when there are members whose metadata is nobody's business.
    pub(in crate::node::groups) fn topics_in_use(&self) -> Result<BTreeSet<String>, ResponseError> {
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.protocols.first().map(|offered| &offered.metadata);
            let metadata = metadata.filter(|_| self.protocol_type() == CONSUMER);
            let named = metadata.and_then(|metadata| subscribed_topics(metadata).ok());
            topics.extend(named.ok_or(ResponseError::NonEmptyGroup)?);
        }
        Ok(topics)
    }
}
