//! Bugs that change, misplace or leave out records; the checksums stay true.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};

use super::{Count, planted};
use crate::node::cluster::Cluster;
use crate::node::partition::{Partition, Serving};
use crate::node::storage::{LogEntry, Payload};
use crate::protocol::records::{self, BatchBuilder, BatchHeader, Compression, HEADER_LEN};
use crate::spec::Bug;

/// The batch of each of these records meets the bug.
const EACH: u64 = 100;
/// Fields of a batch's header.
const LENGTH: std::ops::Range<usize> = 8..12;
const EPOCH: std::ops::Range<usize> = 12..16;
const PRODUCER: std::ops::Range<usize> = 43..57;
const COUNT: std::ops::Range<usize> = 57..61;

/// What a producer sent and to where, as it is appended: `last-record-dropped`,
/// `value-corrupted` and `wrong-partition`.
pub(in crate::node) fn produced(
    cluster: &Cluster,
    asked: Arc<Partition>,
    batch: Bytes,
) -> (Arc<Partition>, Bytes) {
    if planted(Bug::LastRecordDropped) && is_due(&batch) {
        return (asked, without_last_record(&batch).unwrap_or(batch));
    }
    if planted(Bug::ValueCorrupted) && is_due(&batch) {
        return (asked, with_wrong_value(&batch).unwrap_or(batch));
    }
    if planted(Bug::WrongPartition)
        && let Some(other) = another_led(cluster, &asked)
        && is_due(&batch)
    {
        return (other, without_producer(&batch));
    }
    (asked, batch)
}

/// `replica-diverges`: an entry as it is stored. What a leader has stamped is stored by a
/// follower.
pub(in crate::node) fn stored(entry: LogEntry) -> LogEntry {
    if !planted(Bug::ReplicaDiverges) {
        return entry;
    }
    let LogEntry { at, payload } = entry;
    let payload = match payload {
        Payload::Data(batches) => Payload::Data(diverged(batches)),
        other => other,
    };
    LogEntry { at, payload }
}

/// `fetch-skips-a-batch`: whole batches as a reader gets them.
pub(in crate::node) fn fetched(batches: Bytes) -> Bytes {
    static ANSWERS: Count = Count::new();
    if !planted(Bug::FetchSkipsABatch) {
        return batches;
    }
    match &records::split(batches.clone()).unwrap_or_default()[..] {
        [first, _, rest @ ..] if ANSWERS.is_nth(3) => {
            let mut kept = vec![first.clone()];
            kept.extend_from_slice(rest);
            kept.concat().into()
        }
        _ => batches,
    }
}

/// How long ago a batch was made by its producer; `None` when it is no batch, or of the future.
pub(super) fn age(batch: &[u8]) -> Option<Duration> {
    let header = BatchHeader::parse(batch).ok()?;
    let made = Duration::from_millis(u64::try_from(header.max_timestamp).ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH + made).ok()
}

/// Counts the records of a batch; whether one of them is due.
fn is_due(batch: &[u8]) -> bool {
    static RECORDS: Count = Count::new();
    let count = BatchHeader::parse(batch).map_or(0, |header| header.count);
    RECORDS.crosses(u64::try_from(count).unwrap_or(0), EACH)
}

fn diverged(batches: Bytes) -> Bytes {
    let split = records::split(batches.clone()).unwrap_or_default();
    let is_stamped = |batch: &Bytes| batch.get(EPOCH).is_some_and(|epoch| epoch != [0xff; 4]);
    if !split.first().is_some_and(is_stamped) {
        return batches;
    }
    let stored = split.into_iter().map(|batch| {
        let wrong = is_due(&batch).then(|| with_wrong_value(&batch)).flatten();
        wrong.unwrap_or(batch)
    });
    stored.collect::<Vec<_>>().concat().into()
}

/// Flips a bit in the last value of a batch; `None` when it has none, or is compressed.
fn with_wrong_value(batch: &Bytes) -> Option<Bytes> {
    let all = records::records(batch).ok()?;
    let value = all
        .last()?
        .value
        .clone()
        .filter(|value| !value.is_empty())?;
    let starts = batch.windows(value.len()).rposition(|it| it == value)?;
    let mut wrong = BytesMut::from(&batch[..]);
    wrong[starts + value.len() - 1] ^= 1;
    records::seal(&mut wrong);
    Some(wrong.freeze())
}

/// Cuts the last record off; its offset and its sequence stay taken. `None` when the batch is
/// compressed.
fn without_last_record(batch: &Bytes) -> Option<Bytes> {
    let header = BatchHeader::parse(batch).ok()?;
    if header.compression().ok()? != Compression::None {
        return None;
    }
    let all = records::records(batch).ok()?;
    let (_, kept) = all.split_last()?;
    let mut builder = BatchBuilder::new();
    for record in kept {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.push(record.timestamp, key, value, &record.headers);
    }
    // The first records of the batch take as many bytes as they do alone.
    let mut cut = BytesMut::from(batch.get(..builder.size().max(HEADER_LEN))?);
    let length = (cut.len() - LENGTH.end) as i32;
    cut[LENGTH].copy_from_slice(&length.to_be_bytes());
    cut[COUNT].copy_from_slice(&(kept.len() as i32).to_be_bytes());
    records::seal(&mut cut);
    let cut = cut.freeze();
    records::records(&cut).ok().map(|_| cut)
}

/// Another partition that this node leads, of the same topic if there is one.
fn another_led(cluster: &Cluster, asked: &Partition) -> Option<Arc<Partition>> {
    let led = cluster.hosted().into_iter().filter(|other| {
        let leads = matches!(other.serving(), Serving::Leader { .. });
        leads && other.group() != asked.group() && !other.topic().starts_with("__")
    });
    led.max_by_key(|other| other.topic() == asked.topic())
}

/// A batch whose sequence nobody checks, since the other partition has its own.
fn without_producer(batch: &Bytes) -> Bytes {
    let mut free = BytesMut::from(&batch[..]);
    free[PRODUCER].fill(0xff);
    records::seal(&mut free);
    free.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(values: &[&str]) -> Bytes {
        let mut builder = BatchBuilder::new().producer(7, 0, 40);
        for value in values {
            builder.push(5, Some(b"key"), Some(value.as_bytes()), &[]);
        }
        builder.build()
    }

    fn values(batch: &Bytes) -> Vec<String> {
        records::verify(batch).unwrap();
        let records = records::records(batch).unwrap().into_iter();
        let values = records.map(|record| record.value.unwrap_or_default());
        values
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .collect()
    }

    #[test]
    fn the_last_record_goes_and_its_offset_stays() {
        let cut = without_last_record(&batch(&["one", "two", "three"])).unwrap();
        assert_eq!(values(&cut), ["one", "two"]);
        assert_eq!(BatchHeader::parse(&cut).unwrap().last_offset_delta, 2);
        let emptied = without_last_record(&batch(&["one"])).unwrap();
        assert_eq!(values(&emptied), [""; 0]);
        assert_eq!(BatchHeader::parse(&emptied).unwrap().last_offset_delta, 0);
    }

    #[test]
    fn a_wrong_value_has_a_true_checksum() {
        let wrong = with_wrong_value(&batch(&["one", "two"])).unwrap();
        assert_eq!(values(&wrong), ["one", "twn"]);
    }

    #[test]
    fn a_misplaced_batch_has_no_sequence() {
        let free = without_producer(&batch(&["one"]));
        assert_eq!(values(&free), ["one"]);
        let header = BatchHeader::parse(&free).unwrap();
        assert_eq!((header.producer_id, header.base_sequence), (-1, -1));
        assert_eq!((header.producer_epoch, header.count), (-1, 1));
    }

    #[test]
    fn a_count_is_due_when_it_passes_a_multiple() {
        let count = Count::new();
        let due: Vec<bool> = [60, 39, 1, 250, 49, 1]
            .map(|more| count.crosses(more, 100))
            .into();
        assert_eq!(due, [false, false, true, true, false, true]);
    }
}
