//! Record batches as the log stores them: base offset and leader epoch stamped, nothing else touched.
//!
//! Deterministic: the base offset is the running sum, the epoch is the entry's own term, and both
//! lie outside the batch's checksum. A batch whose epoch is -1 has not been through a leader yet
//! and is stamped; any other epoch was stamped by a leader, so that a difference means that this
//! replica's log is not the leader's.

use bytes::{Bytes, BytesMut};

use super::{GroupId, LogPosition};
use crate::node::bugs;
use crate::protocol::records::{self, BatchHeader};

/// The epoch of a batch that no leader has stamped.
const UNSTAMPED: i32 = -1;

/// A payload as it is stored, and what its headers say.
#[derive(Debug, Clone)]
pub(super) struct Stamped {
    pub(super) payload: Bytes,
    /// How many offsets it takes.
    pub(super) records: u32,
    /// The largest timestamp, -1 for none.
    pub(super) max_timestamp: i64,
}

/// One batch of a payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) header: BatchHeader,
}

/// Stamps the batches of an entry that starts at `next_offset`.
///
/// The error names the group, the entry and, for a divergence, both values.
pub(super) fn stamp(
    payload: Bytes,
    group: GroupId,
    at: LogPosition,
    next_offset: i64,
) -> Result<Stamped, String> {
    let bad = |what: String| format!("{group}: entry {} of term {}: {what}", at.index, at.term);
    let epoch = i32::try_from(at.term).map_err(|_| bad("the term is no leader epoch".into()))?;
    let epoch = bugs::stamped_epoch(epoch);
    let mut unstamped = Vec::new();
    let (mut offset, mut max_timestamp) = (next_offset, -1);
    for batch in walk(&payload) {
        let batch = batch.map_err(&bad)?;
        let header = batch.header;
        if header.leader_epoch == UNSTAMPED {
            unstamped.push((batch, offset));
        } else if (header.base_offset, header.leader_epoch) != (offset, epoch) {
            return Err(bad(format!(
                "diverges from its leader: base offset {} and epoch {} where this log has {offset} and {epoch}",
                header.base_offset, header.leader_epoch
            )));
        }
        offset += i64::from(header.last_offset_delta) + 1;
        max_timestamp = max_timestamp.max(header.max_timestamp);
    }
    let records = u32::try_from(offset - next_offset)
        .map_err(|_| bad("more records than an entry can have".into()))?;
    Ok(Stamped {
        payload: patched(payload, &unstamped, epoch),
        records,
        max_timestamp,
    })
}

fn patched(payload: Bytes, batches: &[(Batch, i64)], epoch: i32) -> Bytes {
    if batches.is_empty() {
        return payload;
    }
    let mut bytes = payload
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    for (batch, offset) in batches {
        records::patch(&mut bytes[batch.start..batch.end], *offset, epoch);
    }
    bytes.freeze()
}

/// The batches of a payload, which must hold nothing else.
pub(super) fn walk(payload: &[u8]) -> impl Iterator<Item = Result<Batch, String>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= payload.len() {
            return None;
        }
        let batch = batch_at(payload, start);
        start = batch.as_ref().map_or(payload.len(), |batch| batch.end);
        Some(batch)
    })
}

fn batch_at(payload: &[u8], start: usize) -> Result<Batch, String> {
    let rest = &payload[start..];
    let header = BatchHeader::parse(rest).map_err(|error| error.to_string())?;
    if header.size() > rest.len() {
        return Err(format!(
            "a batch of {} bytes where {} are left",
            header.size(),
            rest.len()
        ));
    }
    if header.last_offset_delta < 0 {
        return Err(format!("last offset delta {}", header.last_offset_delta));
    }
    Ok(Batch {
        start,
        end: start + header.size(),
        header,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A batch of `records` records that no leader has stamped.
    pub(in crate::node::storage) fn batch(records: i32, timestamp: i64, body: usize) -> Bytes {
        let mut bytes = vec![0; records::HEADER_LEN + body];
        let length = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[12..16].copy_from_slice(&(-1_i32).to_be_bytes());
        bytes[16] = 2;
        bytes[23..27].copy_from_slice(&(records - 1).to_be_bytes());
        bytes[35..43].copy_from_slice(&timestamp.to_be_bytes());
        bytes[57..61].copy_from_slice(&records.to_be_bytes());
        for (at, byte) in bytes[records::HEADER_LEN..].iter_mut().enumerate() {
            *byte = (timestamp as usize + at) as u8;
        }
        Bytes::from(bytes)
    }

    const AT: LogPosition = LogPosition { term: 4, index: 9 };

    fn stamp_at(payload: Bytes, next: i64) -> Result<Stamped, String> {
        stamp(payload, GroupId::METADATA, AT, next)
    }

    #[test]
    fn batches_get_the_running_sum_and_the_entrys_term() {
        let two = [batch(3, 10, 20), batch(2, 7, 0)].concat();
        let stamped = stamp_at(Bytes::from(two), 100).unwrap();
        assert_eq!((stamped.records, stamped.max_timestamp), (5, 10));
        let headers: Vec<_> = walk(&stamped.payload)
            .map(|batch| batch.unwrap().header)
            .map(|header| (header.base_offset, header.leader_epoch))
            .collect();
        assert_eq!(headers, [(100, 4), (103, 4)]);
    }

    #[test]
    fn a_leaders_stamp_is_compared() {
        let stamped = stamp_at(batch(3, 1, 5), 100).unwrap().payload;
        assert_eq!(stamp_at(stamped.clone(), 100).unwrap().payload, stamped);
        let error = stamp_at(stamped, 99).unwrap_err();
        assert!(
            error.contains("base offset 100") && error.contains("has 99"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        assert!(stamp_at(Bytes::from_static(b"no batch"), 0).is_err());
        let cut = batch(1, 1, 30).slice(..70);
        assert!(stamp_at(cut, 0).is_err());
        let mut negative = batch(1, 1, 0).to_vec();
        negative[23] = 0xff;
        assert!(stamp_at(Bytes::from(negative), 0).is_err());
    }
}
