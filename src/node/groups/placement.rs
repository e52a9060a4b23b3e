//! Which partition of `__consumer_offsets` a group lives on.
//!
//! The same as Kafka's, so that a dump of the topic reads the same way.

/// The internal topic that holds all state of all groups.
pub(super) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The partition of a group among `count`; Kafka's `Utils.abs(groupId.hashCode) % count`.
pub(super) fn partition_of(group: &str, count: u32) -> u32 {
    assert!(count > 0, "a topic has partitions");
    let hash = java_hash(group);
    let positive = if hash == i32::MIN { 0 } else { hash.abs() };
    positive.cast_unsigned() % count
}

/// Java's `String.hashCode`: over UTF-16 units, wrapping.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("a"), 97);
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("my-group"), -1_906_497_762);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("\u{1F600}"), 1_772_899);
    }

    #[test]
    fn every_hash_has_a_partition() {
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        assert_eq!(partition_of("hello", 50), 22);
        assert_eq!(partition_of("my-group", 50), 12);
        assert_eq!(partition_of("", 3), 0);
    }
}
