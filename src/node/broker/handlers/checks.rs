//! Questions that several APIs ask, answered from plain values.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::BrokerId;

use crate::node::cluster::Refusal;
use crate::node::metadata::MetadataImage;
use crate::node::partition::Serving;
use crate::protocol::topic::valid_name;

/// Whether a request comes from a consumer; replicas of ours use the peer link.
pub(super) fn is_consumer(replica: BrokerId) -> bool {
    replica.0 < 0
}

/// The epoch under which a replica serves, -1 before the first.
pub(super) fn epoch_of(serving: Serving) -> i32 {
    match serving {
        Serving::Leader { epoch } | Serving::Follower { epoch, .. } => epoch,
    }
}

/// Holds the epoch that a client believes in against the replica's (KIP-320).
pub(super) fn check_epoch(serving: Serving, claimed: i32) -> Result<(), ResponseError> {
    let epoch = epoch_of(serving);
    match claimed {
        ..0 => Ok(()),
        older if older < epoch => Err(ResponseError::FencedLeaderEpoch),
        newer if newer > epoch => Err(ResponseError::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

/// Only a leader answers; the client's epoch is judged first, as in Apache Kafka.
pub(super) fn check_leader(serving: Serving, claimed_epoch: i32) -> Result<(), ResponseError> {
    check_epoch(serving, claimed_epoch)?;
    match serving {
        Serving::Leader { .. } => Ok(()),
        Serving::Follower { .. } => Err(ResponseError::NotLeaderOrFollower),
    }
}

/// Whether a topic of this name may be made: lawful, new, and not the same as another once
/// metrics have turned dots into underscores.
pub(super) fn check_new_name(image: &MetadataImage, name: &str) -> Result<(), Refusal> {
    valid_name(name).map_err(|why| refusal(ResponseError::InvalidTopicException, why))?;
    if image.topic(name).is_some() {
        let words = format!("topic {name:?} already exists");
        return Err(refusal(ResponseError::TopicAlreadyExists, words));
    }
    let Some(other) = collision(image, name) else {
        return Ok(());
    };
    let words = format!("topic {name:?} collides with the existing topic {other:?}");
    Err(refusal(ResponseError::InvalidTopicException, words))
}

fn collision<'a>(image: &'a MetadataImage, name: &str) -> Option<&'a str> {
    if !name.contains(['.', '_']) {
        return None;
    }
    let plain = |name: &str| name.replace('.', "_");
    let wanted = plain(name);
    image
        .topics
        .keys()
        .find(|other| plain(other) == wanted)
        .map(String::as_str)
}

/// A refusal in words.
pub(super) fn refusal(code: ResponseError, message: impl Into<String>) -> Refusal {
    Refusal {
        code,
        message: message.into(),
    }
}

/// Nobody asked for the operations that a client may do.
const NOT_ASKED: i32 = i32::MIN;
const CREATE: i32 = 1 << 5;
const ALTER: i32 = 1 << 7;
const DESCRIBE: i32 = 1 << 8;
const DESCRIBE_CONFIGS: i32 = 1 << 10;
const ALTER_CONFIGS: i32 = 1 << 11;
const COMMON: i32 = CREATE | ALTER | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS;
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;
const DELETE: i32 = 1 << 6;
const CLUSTER_ACTION: i32 = 1 << 9;
const IDEMPOTENT_WRITE: i32 = 1 << 12;

/// What clients may do with the cluster: everything, as there is no authorizer (KIP-430).
pub(super) fn cluster_operations(asked: bool) -> i32 {
    if asked {
        COMMON | CLUSTER_ACTION | IDEMPOTENT_WRITE
    } else {
        NOT_ASKED
    }
}

/// What clients may do with a topic: everything, as there is no authorizer (KIP-430).
pub(super) fn topic_operations(asked: bool) -> i32 {
    if asked {
        COMMON | READ | WRITE | DELETE
    } else {
        NOT_ASKED
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    const LEADER: Serving = Serving::Leader { epoch: 5 };
    const FOLLOWER: Serving = Serving::Follower {
        leader: None,
        epoch: 5,
    };

    #[test]
    fn the_epoch_is_judged_before_the_role() {
        assert_eq!(check_leader(LEADER, 5), Ok(()));
        assert_eq!(check_leader(LEADER, -1), Ok(()));
        for serving in [LEADER, FOLLOWER] {
            let judge = |claimed| check_leader(serving, claimed).unwrap_err().code();
            assert_eq!(judge(4), 74);
            assert_eq!(judge(6), 75);
        }
        assert_eq!(check_leader(FOLLOWER, 5).unwrap_err().code(), 6);
        assert_eq!(check_leader(FOLLOWER, -1).unwrap_err().code(), 6);
        assert_eq!(check_epoch(FOLLOWER, 5), Ok(()));
    }

    #[test]
    fn names_that_differ_in_dots_collide() {
        let mut fixture = Fixture::new();
        fixture.topic("a.b_c", 1);
        let code = |name| {
            check_new_name(&fixture.image, name)
                .unwrap_err()
                .code
                .code()
        };
        assert_eq!(code("a_b_c"), 17);
        assert_eq!(code("a.b.c"), 17);
        assert_eq!(code("a.b_c"), 36);
        assert_eq!(code("a/b"), 17);
        assert_eq!(check_new_name(&fixture.image, "a.bc"), Ok(()));
    }
}
