//! Who reads what: Kafka's range assignor, and the consumer protocol's own messages.
//!
//! Members write into each other's mail through the coordinator, which does not open it. So what
//! is read here is bounded by its own bytes, whatever counts it claims. Pure data.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The kind of group.
pub(super) const PROTOCOL: &str = "consumer";
/// The one strategy that is offered; every common client has it.
pub(super) const STRATEGY: &str = "range";
/// The version of what is written: the first that all clients read.
const VERSION: i16 = 0;

/// The topics that each member reads, by member.
pub(super) type Subscriptions = BTreeMap<String, Vec<String>>;
/// One member's partitions, by topic.
pub(super) type Share = BTreeMap<String, Vec<u32>>;

/// A message that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} that ends too early")]
pub(super) struct Torn(&'static str);

/// What a member says of itself: it reads one topic.
pub(super) fn subscription(topic: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(VERSION);
    bytes.put_i32(1);
    put_text(&mut bytes, topic);
    bytes.put_i32(-1);
    bytes.freeze()
}

/// The topics of a member's subscription, of whatever version: what came later stands behind.
pub(super) fn subscribed(mut bytes: Bytes) -> Result<Vec<String>, Torn> {
    let torn = Torn("a subscription");
    bytes.try_get_i16().map_err(|_| torn)?;
    let count = bytes.try_get_i32().map_err(|_| torn)?;
    (0..count).map(|_| text(&mut bytes, torn)).collect()
}

/// What the leader tells a member: its share.
pub(super) fn assignment(share: &Share) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(VERSION);
    bytes.put_i32(share.len() as i32);
    for (topic, partitions) in share {
        put_text(&mut bytes, topic);
        bytes.put_i32(partitions.len() as i32);
        for partition in partitions {
            bytes.put_u32(*partition);
        }
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

/// A member's partitions of one topic; none where the leader had nothing for it.
pub(super) fn assigned(mut bytes: Bytes, topic: &str) -> Result<Vec<u32>, Torn> {
    let torn = Torn("an assignment");
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    bytes.try_get_i16().map_err(|_| torn)?;
    let topics = bytes.try_get_i32().map_err(|_| torn)?;
    let mut ours = Vec::new();
    for _ in 0..topics {
        let named = text(&mut bytes, torn)?;
        for _ in 0..bytes.try_get_i32().map_err(|_| torn)? {
            let partition = bytes.try_get_u32().map_err(|_| torn)?;
            if named == topic {
                ours.push(partition);
            }
        }
    }
    Ok(ours)
}

/// Shares each topic out in ranges, the first members one partition more where it does not go
/// evenly, as Kafka's `RangeAssignor` does.
pub(super) fn range(
    members: &Subscriptions,
    partitions: &BTreeMap<String, u32>,
) -> BTreeMap<String, Share> {
    let mut shares: BTreeMap<String, Share> = members
        .keys()
        .map(|member| (member.clone(), Share::new()))
        .collect();
    for (topic, count) in partitions {
        let readers: Vec<&String> = members
            .iter()
            .filter(|(_, topics)| topics.contains(topic))
            .map(|(member, _)| member)
            .collect();
        let mut next = 0;
        for (at, member) in readers.iter().enumerate() {
            let (each, over) = (*count / readers.len() as u32, *count % readers.len() as u32);
            let end = next + each + u32::from((at as u32) < over);
            if let Some(share) = shares.get_mut(*member).filter(|_| next < end) {
                share.insert(topic.clone(), (next..end).collect());
            }
            next = end;
        }
    }
    shares
}

fn put_text(bytes: &mut BytesMut, text: &str) {
    // A topic's name has at most 249 bytes.
    bytes.put_i16(text.len() as i16);
    bytes.put_slice(text.as_bytes());
}

fn text(bytes: &mut Bytes, torn: Torn) -> Result<String, Torn> {
    let length = bytes.try_get_u16().map_err(|_| torn)?;
    let length = usize::from(length);
    if bytes.remaining() < length {
        return Err(torn);
    }
    Ok(String::from_utf8_lossy(&bytes.split_to(length)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(of: &[(&str, &[&str])]) -> Subscriptions {
        let owned = |topics: &[&str]| topics.iter().map(ToString::to_string).collect();
        of.iter()
            .map(|(member, topics)| ((*member).to_owned(), owned(topics)))
            .collect()
    }

    fn counts(of: &[(&str, u32)]) -> BTreeMap<String, u32> {
        of.iter()
            .map(|(topic, count)| ((*topic).to_owned(), *count))
            .collect()
    }

    #[test]
    fn each_topic_is_cut_into_ranges() {
        let members = members(&[("a", &["t", "u"]), ("b", &["t"]), ("c", &["u"])]);
        let shares = range(&members, &counts(&[("t", 3), ("u", 1)]));
        assert_eq!(shares["a"]["t"], [0, 1]);
        assert_eq!(shares["b"]["t"], [2]);
        assert_eq!(shares["a"]["u"], [0]);
        assert!(shares["c"].is_empty());
        let nobody = range(&Subscriptions::new(), &counts(&[("t", 3)]));
        assert!(nobody.is_empty());
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        assert_eq!(subscribed(subscription("t")), Ok(vec!["t".to_owned()]));
        let share = Share::from([("t".to_owned(), vec![0, 2]), ("u".to_owned(), vec![1])]);
        assert_eq!(assigned(assignment(&share), "t"), Ok(vec![0, 2]));
        assert_eq!(assigned(assignment(&share), "v"), Ok(Vec::new()));
        assert_eq!(assigned(Bytes::new(), "t"), Ok(Vec::new()));
    }

    /// As kafka-python and the Java client write them: version 1 has the owned partitions behind.
    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = b"\0\x01\0\0\0\x02\0\x01a\0\x01b\xff\xff\xff\xff\0\0\0\0";
        let topics = subscribed(Bytes::from_static(later)).unwrap();
        assert_eq!(topics, ["a", "b"]);
    }

    #[test]
    fn a_lying_count_costs_nothing() {
        let lying = Bytes::from_static(b"\0\0\x7f\xff\xff\xff");
        assert_eq!(subscribed(lying.clone()), Err(Torn("a subscription")));
        assert_eq!(assigned(lying, "t"), Err(Torn("an assignment")));
        let long = Bytes::from_static(b"\0\0\0\0\0\x01\xff\xffx");
        assert_eq!(subscribed(long), Err(Torn("a subscription")));
    }
}
