//! Checks of ids that come from clients, before anything is stored under them.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use crate::node::groups::group::Answer;
use crate::node::groups::limits;

/// The id of a group with members.
pub(super) fn group_with_members(id: &str) -> Result<(), ResponseError> {
    if id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    group(id)
}

/// The id of a group that may only hold offsets: Kafka allows the empty one there.
pub(super) fn group(id: &str) -> Result<(), ResponseError> {
    if id.len() > limits::GROUP_ID {
        return Err(ResponseError::InvalidGroupId);
    }
    Ok(())
}

/// A member's id or its instance id.
pub(super) fn member(id: &str) -> Result<(), ResponseError> {
    if id.len() > limits::MEMBER_ID {
        return Err(ResponseError::InvalidRequest);
    }
    Ok(())
}

/// An instance id; an empty one names nobody.
pub(super) fn instance(id: Option<&StrBytes>) -> Result<Option<String>, ResponseError> {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    member(id)?;
    Ok(Some(id.to_string()))
}

/// The outcome of a write; one that took too long may still succeed, so it is to be repeated.
pub(super) fn written(answer: Option<&Answer>) -> Result<(), ResponseError> {
    match answer {
        Some(Answer::Written(result)) => *result,
        Some(Answer::Join(_) | Answer::Sync(_)) => unreachable!("a write has a write's answer"),
        None => Err(ResponseError::CoordinatorNotAvailable),
    }
}

/// Kafka's code of an outcome.
pub(super) fn code(result: Result<(), ResponseError>) -> i16 {
    result.map_or_else(|error| error.code(), |()| 0)
}

/// A string for a response.
pub(super) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}
