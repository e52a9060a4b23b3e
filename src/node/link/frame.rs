//! Frames: what the wire's numbers mean, and how frames are made.
//!
//! Pure. A number from the wire that means nothing here is an error of the peer, never a guess.

use bytes::Bytes;
use uuid::Uuid;

use super::Service;
use super::generated::{Frame, Kind};
use crate::spec::{GroupId, TopicId};

/// The largest message that either side decodes.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// The largest payload of one frame; the rest of the message is for the frame itself.
pub(super) const MAX_PAYLOAD_BYTES: usize = MAX_MESSAGE_BYTES - (64 << 10);
/// A batch is closed when it holds this much, so that one decode stays short.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// What a frame costs beside its payload, about: tags, ids and its place in a queue.
pub(super) const FRAME_OVERHEAD: usize = 64;

/// The service behind a number from the wire.
pub(super) fn service(number: u32) -> Option<Service> {
    const ALL: [Service; 11] = [
        Service::Append,
        Service::Vote,
        Service::PreVote,
        Service::Transfer,
        Service::Snapshot,
        Service::Propose,
        Service::ReadIndex,
        Service::Gossip,
        Service::Repair,
        Service::Await,
        Service::Search,
    ];
    ALL.into_iter().find(|service| *service as u32 == number)
}

/// The Raft group that a frame names.
pub(super) fn group(frame: &Frame) -> GroupId {
    GroupId {
        topic: TopicId(Uuid::from_u64_pair(frame.topic_high, frame.topic_low)),
        partition: frame.partition,
    }
}

/// A request that the reply with the same `call` answers.
pub(super) fn request(call: u64, service: Service, group: GroupId, payload: Bytes) -> Frame {
    addressed(Kind::Request, call, service, group, payload)
}

/// A message without an answer.
pub(super) fn cast(service: Service, group: GroupId, payload: Bytes) -> Frame {
    addressed(Kind::Cast, 0, service, group, payload)
}

fn addressed(kind: Kind, call: u64, service: Service, group: GroupId, payload: Bytes) -> Frame {
    let (topic_high, topic_low) = group.topic.0.as_u64_pair();
    Frame {
        kind: kind as i32,
        call,
        service: service as u32,
        topic_high,
        topic_low,
        partition: group.partition,
        payload,
    }
}

/// The answer to a request.
pub(super) fn reply(call: u64, payload: Bytes) -> Frame {
    bare(Kind::Reply, call, payload)
}

/// The answer to a request that could not be handled, in words.
pub(super) fn failure(call: u64, words: String) -> Frame {
    bare(Kind::Failure, call, Bytes::from(words))
}

/// An encoded ping.
pub(super) fn ping(payload: Bytes) -> Frame {
    bare(Kind::Ping, 0, payload)
}

fn bare(kind: Kind, call: u64, payload: Bytes) -> Frame {
    Frame {
        kind: kind as i32,
        call,
        payload,
        ..Frame::default()
    }
}

/// What a frame weighs in a queue.
pub(super) fn weight(frame: &Frame) -> usize {
    frame.payload.len() + FRAME_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_number() {
        let found: Vec<u32> = (0..=20)
            .filter_map(|number| service(number).map(|service| service as u32))
            .collect();
        assert_eq!(found, (1..=Service::Search as u32).collect::<Vec<u32>>());
    }

    #[test]
    fn a_frame_keeps_its_group() {
        let group_id = GroupId::partition(TopicId::random(), 7);
        let frame = request(3, Service::Append, group_id, Bytes::from_static(b"x"));
        assert_eq!(group(&frame), group_id);
        assert_eq!(service(frame.service), Some(Service::Append));
        assert_eq!(group(&ping(Bytes::new())), GroupId::METADATA);
    }
}
