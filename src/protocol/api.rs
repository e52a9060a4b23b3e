//! The APIs that are served, and at which versions.
//!
//! One row per API. A new API needs a row here and two shapes in the table of the frame guard; a
//! test holds the two against each other.

use kafka_protocol::messages::ApiKey;

/// One served API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// The API.
    pub key: ApiKey,
    /// The oldest version that is decoded.
    pub min: i16,
    /// The newest version that is decoded.
    pub max: i16,
    /// The oldest version that ApiVersions names. Only Produce names more than it decodes: old
    /// librdkafka turns compression off unless it sees version 0.
    pub advertised_min: i16,
}

impl Served {
    /// Whether `version` of this API is decoded.
    pub fn speaks(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

/// Every served API.
pub const SERVED: &[Served] = &[
    Served {
        key: ApiKey::Produce,
        min: 3,
        max: 11,
        advertised_min: 0,
    },
    row(ApiKey::Fetch, 4, 16),
    row(ApiKey::ListOffsets, 1, 9),
    row(ApiKey::Metadata, 0, 12),
    row(ApiKey::OffsetCommit, 2, 9),
    row(ApiKey::OffsetFetch, 1, 9),
    row(ApiKey::FindCoordinator, 0, 6),
    row(ApiKey::JoinGroup, 0, 9),
    row(ApiKey::Heartbeat, 0, 4),
    row(ApiKey::LeaveGroup, 0, 5),
    row(ApiKey::SyncGroup, 0, 5),
    row(ApiKey::DescribeGroups, 0, 6),
    row(ApiKey::ListGroups, 0, 5),
    row(ApiKey::ApiVersions, 0, 4),
    row(ApiKey::CreateTopics, 2, 7),
    row(ApiKey::DeleteTopics, 1, 6),
    row(ApiKey::InitProducerId, 0, 5),
    row(ApiKey::OffsetForLeaderEpoch, 2, 4),
    row(ApiKey::DescribeConfigs, 1, 4),
    row(ApiKey::DeleteGroups, 0, 2),
    row(ApiKey::OffsetDelete, 0, 0),
    row(ApiKey::DescribeCluster, 0, 2),
];

const fn row(key: ApiKey, min: i16, max: i16) -> Served {
    Served {
        key,
        min,
        max,
        advertised_min: min,
    }
}

/// The row of an API, by the key on the wire.
pub fn served(key: i16) -> Option<&'static Served> {
    SERVED.iter().find(|row| row.key as i16 == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_within_what_the_codec_knows() {
        for row in SERVED {
            let codec = row.key.valid_versions();
            assert!(codec.min <= row.min && row.max <= codec.max, "{row:?}");
            assert!(row.advertised_min <= row.min, "{row:?}");
        }
    }

    #[test]
    fn keys_are_found_once_and_strangers_not_at_all() {
        for row in SERVED {
            assert_eq!(served(row.key as i16), Some(row));
        }
        assert_eq!(served(-1), None);
        assert_eq!(served(4), None, "LeaderAndIsr belongs to ZooKeeper's days");
        assert_eq!(served(i16::MAX), None);
    }

    #[test]
    fn produce_is_advertised_from_zero() {
        let produce = served(0).unwrap();
        assert_eq!(produce.advertised_min, 0);
        assert!(!produce.speaks(2) && produce.speaks(3) && produce.speaks(11));
        assert!(!produce.speaks(12));
    }
}
