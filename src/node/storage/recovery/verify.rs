//! Holding the segments against what the checkpoint says of them, to the last byte.
//!
//! Also finds what rows prove beyond the checkpoint: a row is written only after its batch was
//! synced, so that the write-ahead log must still hold that batch.

use std::collections::BTreeMap;
use std::io;

use crate::node::storage::GroupId;
use crate::node::storage::disk::Disk;
use crate::node::storage::group::{directory, invalid};
use crate::node::storage::handles::Handles;
use crate::node::storage::record::EntryKind;
use crate::node::storage::row::{ROW, Row};
use crate::node::storage::view::{LogView, Segment};

/// Rows and bytes that are checked at once: what a processor's cache holds.
const ROWS_AT_ONCE: u64 = 1024;
const BYTES_AT_ONCE: u64 = 128 << 10;
/// Below this a second thread costs more than it saves.
const PARALLEL_BYTES: u64 = 32 << 20;
const MAX_THREADS: usize = 4;

/// Checks all logs. What is wrong, by group; an error is the disk's, not the log's.
pub(super) fn verify_all(
    handles: &Handles,
    logs: &BTreeMap<GroupId, LogView>,
) -> io::Result<BTreeMap<GroupId, String>> {
    let bytes: u64 = logs
        .values()
        .flat_map(|view| &view.segments)
        .map(|s| s.bytes)
        .sum();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if bytes < PARALLEL_BYTES {
        1
    } else {
        processors.min(MAX_THREADS)
    };
    let logs: Vec<_> = logs.iter().collect();
    let share = |first: usize| {
        let mine = logs.iter().skip(first).step_by(threads);
        mine.filter_map(|(id, view)| verdict(handles, **id, view).transpose())
            .collect::<io::Result<Vec<_>>>()
    };
    let verdicts = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|n| scope.spawn(move || share(n)))
            .collect();
        let mut all = share(0)?;
        for other in others {
            let panicked = |_| Err(io::Error::other("the check of a log panicked"));
            all.extend(other.join().unwrap_or_else(panicked)?);
        }
        Ok::<_, io::Error>(all)
    })?;
    Ok(verdicts.into_iter().collect())
}

fn verdict(
    handles: &Handles,
    id: GroupId,
    view: &LogView,
) -> io::Result<Option<(GroupId, String)>> {
    let checked = view
        .segments
        .iter()
        .try_for_each(|segment| check(handles, id, view, segment));
    match checked {
        Ok(()) => Ok(None),
        Err(error) if is_damage(&error) => Ok(Some((id, error.to_string()))),
        Err(error) => Err(error),
    }
}

/// Whether an error says that a file is not what it must be, rather than that the disk failed.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
    )
}

fn check(handles: &Handles, id: GroupId, view: &LogView, segment: &Segment) -> io::Result<()> {
    let directory = directory(id);
    let wrong = |what: String| {
        let file = segment.row_file();
        invalid(
            io::ErrorKind::InvalidData,
            format!("{directory}/{file}: {what}"),
        )
    };
    let mut position = 0;
    let mut offset = segment.base_offset;
    let mut last = None;
    let mut next = segment.first;
    while next <= segment.last.index {
        let count = (segment.last.index + 1 - next).min(ROWS_AT_ONCE);
        let rows = handles.rows(id, &directory, segment, next, count)?;
        for row in &rows {
            if (row.position, row.base_offset) != (position, offset) {
                return Err(wrong(format!("entry {} does not follow", row.at.index)));
            }
            check_member(view, row).map_err(&wrong)?;
            position = row.end_position();
            offset = row.end_offset();
            last = Some(row.at);
        }
        check_data(handles, &directory, segment, &rows)?;
        next += count;
    }
    if (position, offset, last) != (segment.bytes, segment.end_offset, Some(segment.last)) {
        return Err(wrong(
            "it does not end where the checkpoint says".to_owned(),
        ));
    }
    Ok(())
}

fn check_member(view: &LogView, row: &Row) -> Result<(), String> {
    let purged = view
        .purged
        .is_some_and(|purged| row.at.index <= purged.index);
    if row.kind != EntryKind::Membership || purged {
        return Ok(());
    }
    let known = view
        .members
        .get(&row.at.index)
        .map(|bytes| crc32c::crc32c(bytes));
    if known == Some(row.crc) {
        return Ok(());
    }
    Err(format!(
        "the checkpoint has no membership of entry {}",
        row.at.index
    ))
}

fn check_data(
    handles: &Handles,
    directory: &str,
    segment: &Segment,
    rows: &[Row],
) -> io::Result<()> {
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let together = |row: &&Row| row.end_position() - first.position <= BYTES_AT_ONCE;
        let count = rest.iter().take_while(together).count().max(1);
        let (now, later) = rest.split_at(count);
        handles.data(directory, segment, now)?;
        rest = later;
    }
    Ok(())
}

/// What the rows of a group prove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// The newest batch that was synced and brought one of its entries; 0 for none.
    pub(super) batch_seq: u64,
    /// The highest index that it ever wrote.
    pub(super) index: Option<u64>,
    /// The highest number in its segments' names.
    pub(super) number: u64,
}

/// Reads the last row of every row file of a group.
pub(super) fn proof(disk: &std::sync::Arc<Disk>, id: GroupId) -> io::Result<Proof> {
    let directory = directory(id);
    let mut proof = Proof::default();
    for name in disk.list(&directory)? {
        let Some(number) = segment_number(&name) else {
            continue;
        };
        proof.number = proof.number.max(number);
        if matches!(name.rsplit_once('.'), Some((_, "idx")))
            && let Some(row) = last_row(disk, id, &format!("{directory}/{name}"))?
        {
            let synced = if row.unsynced { 0 } else { row.batch_seq };
            proof.batch_seq = proof.batch_seq.max(synced);
            proof.index = proof.index.max(Some(row.at.index));
        }
    }
    Ok(proof)
}

/// The number in the name of a segment's file.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let stem = name
        .strip_suffix(".idx")
        .or_else(|| name.strip_suffix(".log"))?;
    u64::from_str_radix(stem.split_once('-')?.1, 16).ok()
}

/// The last whole row of a file, from its end: a loss of power may have left garbage there.
fn last_row(disk: &std::sync::Arc<Disk>, id: GroupId, path: &str) -> io::Result<Option<Row>> {
    let file = disk.file(path)?;
    let mut end = file.len()? / ROW as u64;
    while end > 0 {
        let start = end.saturating_sub(ROWS_AT_ONCE.min(64));
        let mut bytes = vec![0; ((end - start) as usize) * ROW];
        file.read_at(&mut bytes, start * ROW as u64)?;
        let row = bytes.chunks(ROW).rev().find_map(|row| Row::decode(id, row));
        if row.is_some() {
            return Ok(row);
        }
        end = start;
    }
    Ok(None)
}
