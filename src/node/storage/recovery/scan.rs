//! Reading the write-ahead log: whole batches in order, and what may still lie behind their end.
//!
//! A batch is taken whole or not at all. Behind the last whole one, every aligned position is
//! tried for a head that belongs to this file: what is found there tells a torn tail (at most one
//! unfinished batch, which nobody was told of) from damage (the writer went on after it, so that it
//! was synced).

use std::io;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use bytes::Bytes;

use crate::node::storage::disk::{Disk, DiskFile};
use crate::node::storage::record::{ALIGN, BATCH, HEAD, Head, Record, UNSYNCED};
use crate::node::storage::segments::BatchId;
use crate::node::storage::wal::{self, Mark, START};

/// Zeros are skipped in blocks of this.
const BLOCK: usize = 4096;
/// Bytes that are searched at once.
const WINDOW: usize = 1 << 20;

/// A whole batch.
pub(super) struct Batch {
    pub(super) id: BatchId,
    pub(super) records: Vec<Record>,
    /// The position after it.
    pub(super) after: Mark,
}

/// A head behind the last whole batch.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: u64,
    pub(super) position: u64,
    pub(super) head: Head,
    /// The payload, unless it is damaged.
    pub(super) payload: Option<Bytes>,
}

/// The files of the write-ahead log.
pub(super) struct WalReader {
    disk: Arc<Disk>,
    /// Their numbers, in order.
    pub(super) numbers: Vec<u64>,
    open: Option<(u64, DiskFile, u64)>,
}

impl WalReader {
    /// Lists the files.
    pub(super) fn new(disk: Arc<Disk>) -> io::Result<Self> {
        let names = disk.list(wal::DIRECTORY)?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| wal::number(name)).collect();
        numbers.sort_unstable();
        Ok(Self {
            disk,
            numbers,
            open: None,
        })
    }

    /// Whether a position lies within a file that is there.
    pub(super) fn reaches(&mut self, mark: Mark) -> io::Result<bool> {
        Ok(self.numbers.contains(&mark.file) && mark.position <= self.length(mark.file)?)
    }

    /// The whole batch after `mark`, there or at the start of the next file.
    pub(super) fn next(&mut self, mark: Mark) -> io::Result<Option<Batch>> {
        if let Some(batch) = self.batch_at(mark)? {
            return Ok(Some(batch));
        }
        self.batch_at(Mark {
            file: mark.file + 1,
            position: START,
            seq: mark.seq,
        })
    }

    fn batch_at(&mut self, mark: Mark) -> io::Result<Option<Batch>> {
        if !self.numbers.contains(&mark.file) {
            return Ok(None);
        }
        let length = self.length(mark.file)?;
        let Some(opening) = self.head(mark.file, mark.position, length)? else {
            return Ok(None);
        };
        let body_at = mark.position + HEAD as u64;
        let fits = opening.extra <= length - body_at;
        if opening.kind != BATCH || opening.batch_seq != mark.seq + 1 || !fits {
            return Ok(None);
        }
        let mut body = vec![0; opening.extra as usize];
        self.file(mark.file)?.read_at(&mut body, body_at)?;
        let records = records(mark.file, &opening, &Bytes::from(body));
        Ok(records.map(|records| Batch {
            id: BatchId {
                seq: opening.batch_seq,
                unsynced: opening.flags & UNSYNCED != 0,
            },
            records,
            after: Mark {
                file: mark.file,
                position: body_at + opening.extra,
                seq: opening.batch_seq,
            },
        }))
    }

    /// Every head of a later batch behind `mark`, in order, with sequence numbers up to `newest`.
    pub(super) fn behind(&mut self, mark: Mark, newest: u64) -> io::Result<Vec<Found>> {
        let seqs = mark.seq + 1..=newest;
        let mut found = Vec::new();
        for number in self.numbers.clone() {
            if number < mark.file {
                continue;
            }
            let from = if number == mark.file {
                mark.position
            } else {
                START
            };
            let length = self.length(number)?;
            if from < length && self.has_head(number, from..length, &seqs)? {
                let mut bytes = vec![0; (length - from) as usize];
                self.file(number)?.read_at(&mut bytes, from)?;
                search(number, from, &Bytes::from(bytes), &seqs, &mut found);
            }
        }
        Ok(found)
    }

    /// Whether there is a head at all, without holding a whole file in memory.
    fn has_head(
        &mut self,
        number: u64,
        range: Range<u64>,
        seqs: &RangeInclusive<u64>,
    ) -> io::Result<bool> {
        let file = self.file(number)?;
        let mut window = vec![0; WINDOW];
        let mut at = range.start;
        while at < range.end {
            let length = window.len().min((range.end - at) as usize);
            file.read_at(&mut window[..length], at)?;
            if next_head(number, &window[..length], 0, seqs).is_some() {
                return Ok(true);
            }
            // The next window starts where a head was too long for this one.
            at += length.saturating_sub(HEAD).max(ALIGN) as u64 / ALIGN as u64 * ALIGN as u64;
        }
        Ok(false)
    }

    fn head(&mut self, number: u64, position: u64, length: u64) -> io::Result<Option<Head>> {
        if position + HEAD as u64 > length {
            return Ok(None);
        }
        let mut bytes = [0; HEAD];
        self.file(number)?.read_at(&mut bytes, position)?;
        Ok(Head::decode(number, &bytes))
    }

    fn length(&mut self, number: u64) -> io::Result<u64> {
        self.file(number)?;
        Ok(self.open.as_ref().map_or(0, |(_, _, length)| *length))
    }

    fn file(&mut self, number: u64) -> io::Result<&DiskFile> {
        if self
            .open
            .as_ref()
            .is_none_or(|(open, _, _)| *open != number)
        {
            let file = self.disk.file(&wal::path(number))?;
            let length = file.len()?;
            self.open = Some((number, file, length));
        }
        let open = self.open.as_ref().map(|(_, file, _)| file);
        open.ok_or(io::ErrorKind::NotFound.into())
    }
}

/// The records of a batch's body, when each of them is whole.
fn records(file: u64, opening: &Head, body: &Bytes) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let head = Head::decode(file, body.get(at..)?)?;
        if head.batch_seq != opening.batch_seq {
            return None;
        }
        let payload = payload(&head, body, at)?;
        records.push(Record::from_head(&head, payload)?);
        at += head.size();
    }
    (records.len() == opening.records as usize).then_some(records)
}

/// The payload of the head at `at`, unless it is damaged.
fn payload(head: &Head, bytes: &Bytes, at: usize) -> Option<Bytes> {
    let from = at + HEAD;
    let to = from.checked_add(head.payload_len as usize)?;
    if to > bytes.len() {
        return None;
    }
    // Not a slice: a small payload must not keep the whole batch in memory.
    let payload = Bytes::copy_from_slice(&bytes[from..to]);
    (crc32c::crc32c(&payload) == head.payload_crc || payload.is_empty()).then_some(payload)
}

/// Finds the heads of later batches in the rest of a file.
fn search(
    file: u64,
    start: u64,
    bytes: &Bytes,
    seqs: &RangeInclusive<u64>,
    found: &mut Vec<Found>,
) {
    let mut from = 0;
    while let Some((at, head)) = next_head(file, bytes, from, seqs) {
        // The head's checksum vouches for the length, unless the file was cut.
        let whole = at + head.size() <= bytes.len();
        from = at + if whole { head.size() } else { HEAD };
        found.push(Found {
            file,
            position: start + at as u64,
            head,
            payload: payload(&head, bytes, at),
        });
    }
}

/// The first head at or after `at`.
fn next_head(
    file: u64,
    bytes: &[u8],
    mut at: usize,
    seqs: &RangeInclusive<u64>,
) -> Option<(usize, Head)> {
    let zeros = [0; BLOCK];
    while at + HEAD <= bytes.len() {
        let block = &bytes[at..bytes.len().min(at + BLOCK)];
        if *block == zeros[..block.len()] {
            // A head that starts in here would have its sequence number in here, but at the end.
            at += block.len().saturating_sub(HEAD).max(ALIGN) / ALIGN * ALIGN;
            continue;
        }
        // The number is looked at first: it is cheap, and almost never fits by chance.
        let head = Head::batch_seq(&bytes[at..])
            .filter(|seq| seqs.contains(seq))
            .and_then(|_| Head::decode(file, &bytes[at..]));
        if let Some(head) = head {
            return Some((at, head));
        }
        at += ALIGN;
    }
    None
}
