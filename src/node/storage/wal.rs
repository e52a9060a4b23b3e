//! The files of the write-ahead log, written by one thread.
//!
//! Each file is filled with zeros and synced before it is used (a sync of bytes that are already
//! allocated takes half the time), in the background once half of the one before is full, and
//! recycled under a new number after the checkpoint that makes it unnecessary. The first one is
//! small, since it is made while the node starts. The next file starts where a batch does not fit
//! into the rest of this one; a batch larger than a whole file makes its file longer.
//!
//! ```text
//! wal-<number>.log:  64 bytes: magic, version, number, crc | batch | batch | ... | zeros or old
//! batch:             head {seq, records, bytes, unsynced?} | record | record | ...
//! ```

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::disk::{DirectFile, Disk, DiskFile};
use super::record::{BATCH, HEAD, Head, Record, UNSYNCED, padded};
use super::stats::Counters;
use crate::spec::{SyncMode, defaults};

/// The directory of the files.
pub(super) const DIRECTORY: &str = "wal";
/// Where the first batch of a file starts.
pub(super) const START: u64 = 64;
const MAGIC: [u8; 8] = *b"chronwal";
const VERSION: u32 = 1;
/// Payloads up to this are copied beside their heads: a slice of its own costs more.
const COPIED: usize = 4096;
const ZEROS: usize = 1 << 20;
/// Files kept for recycling.
const MAX_SPARES: usize = 2;

/// A position between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The file's number.
    pub(super) file: u64,
    /// Bytes from its start.
    pub(super) position: u64,
    /// The last batch before.
    pub(super) seq: u64,
}

impl Mark {
    /// Before the first batch of a new log.
    pub(super) const ORIGIN: Self = Self {
        file: 1,
        position: START,
        seq: 0,
    };
}

/// The path of a file.
pub(super) fn path(number: u64) -> String {
    format!("{DIRECTORY}/wal-{number:016x}.log")
}

/// The number in a file's name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("wal-")?.strip_suffix(".log")?;
    u64::from_str_radix(digits, 16).ok()
}

/// The first bytes of a file.
pub(super) fn file_head(number: u64) -> [u8; START as usize] {
    let mut head = [0; START as usize];
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..20].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&head[..20]);
    head[20..24].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Makes files, or recycles them.
#[derive(Clone)]
pub(super) struct Maker {
    disk: Arc<Disk>,
    largest: u64,
    spares: Arc<Mutex<Vec<u64>>>,
}

impl Maker {
    /// Makes files of up to `wal_bytes`.
    pub(super) fn new(disk: Arc<Disk>, wal_bytes: u64) -> Self {
        Self {
            disk,
            largest: wal_bytes.max(START + HEAD as u64),
            spares: Arc::default(),
        }
    }

    /// A checkpoint has made this file unnecessary: it is kept for recycling, or removed.
    pub(super) fn retire(&self, number: u64) -> io::Result<()> {
        let path = path(number);
        if !self.disk.exists(&path) {
            return Ok(());
        }
        let large = self.disk.file(&path)?.len()? >= self.largest;
        let mut spares = self
            .spares
            .lock()
            .expect("no thread panics with the spares");
        if large && spares.len() < MAX_SPARES {
            spares.push(number);
            return Ok(());
        }
        drop(spares);
        self.disk.remove(&path)
    }

    /// A file ready for batches, with a durable name.
    fn make(&self, number: u64) -> io::Result<DiskFile> {
        let spare = self
            .spares
            .lock()
            .expect("no thread panics with the spares")
            .pop();
        let path = path(number);
        let file = if let Some(spare) = spare {
            self.disk.rename(&self::path(spare), &path)?;
            self.disk.file(&path)?
        } else {
            self.fill(&path, number)?
        };
        self.disk.sync_dir(DIRECTORY)?;
        Ok(file)
    }

    fn fill(&self, path: &str, number: u64) -> io::Result<DiskFile> {
        let file = self.disk.create(path)?;
        let size = self.size(number);
        let zeros = vec![0; ZEROS.min(size as usize)];
        let mut at = 0;
        while at < size {
            let length = zeros.len().min((size - at) as usize);
            file.write_at(&zeros[..length], at)?;
            at += length as u64;
        }
        file.sync()?;
        Ok(file)
    }

    /// Files double from the first one's size, so that making one keeps pace with filling one.
    fn size(&self, number: u64) -> u64 {
        let doublings = number.saturating_sub(1).min(20);
        (defaults::FIRST_WAL_BYTES << doublings).min(self.largest)
    }
}

/// The end of the write-ahead log, where batches are written.
pub(super) struct Wal {
    maker: Maker,
    sync: SyncMode,
    mark: Mark,
    /// The file, once it is open.
    current: Option<Current>,
    next: Option<JoinHandle<io::Result<DiskFile>>>,
}

/// The file that is written.
struct Current {
    file: DiskFile,
    /// Its length in bytes.
    size: u64,
    /// The way past the page cache, where batches are synced and the file system offers it.
    direct: Option<DirectFile>,
}

impl Current {
    fn open(file: DiskFile, end: u64, sync: SyncMode) -> io::Result<Self> {
        let size = file.len()?;
        let direct = match sync {
            SyncMode::Always => DirectFile::over(&file, end)?,
            SyncMode::Os => None,
        };
        Ok(Self { file, size, direct })
    }

    /// Writes a batch at the end, and syncs it where batches are synced.
    fn append(&mut self, slices: &mut [IoSlice<'_>], end: u64, sync: SyncMode) -> io::Result<()> {
        if let Some(direct) = &mut self.direct {
            return direct.append(slices);
        }
        self.file.write_all_at(slices, end)?;
        match sync {
            SyncMode::Always => self.file.sync(),
            SyncMode::Os => Ok(()),
        }
    }
}

impl Wal {
    /// Continues at `mark`; makes the file there unless it exists.
    pub(super) fn new(maker: Maker, sync: SyncMode, mark: Mark) -> Self {
        Self {
            maker,
            sync,
            mark,
            current: None,
            next: None,
        }
    }

    /// Opens or makes the first file, so that the first batch need not wait for it.
    pub(super) fn warm_up(&mut self) -> io::Result<()> {
        let path = path(self.mark.file);
        if self.mark.position == START || !self.maker.disk.exists(&path) {
            let made = if self.maker.disk.exists(&path) {
                self.maker.disk.file(&path)?
            } else {
                self.maker.make(self.mark.file)?
            };
            return self.start_file(made);
        }
        let file = self.maker.disk.file(&path)?;
        self.current = Some(Current::open(file, self.mark.position, self.sync)?);
        Ok(())
    }

    /// Writes a batch, syncs it, and says where it ended.
    pub(super) fn write(&mut self, records: &[&Record], counters: &Counters) -> io::Result<Mark> {
        let body: usize = records
            .iter()
            .map(|r| HEAD + padded(r.payload().len()))
            .sum();
        let total = (HEAD + body) as u64;
        self.make_room(total)?;
        let seq = self.mark.seq + 1;
        let opening = Head {
            kind: BATCH,
            batch_seq: seq,
            records: records.len() as u32,
            flags: if self.sync == SyncMode::Os {
                UNSYNCED
            } else {
                0
            },
            extra: body as u64,
            ..Head::default()
        };
        let Some(current) = &mut self.current else {
            return Err(io::Error::other("no write-ahead log file is open"));
        };
        let encoded = Encoded::new(self.mark.file, &opening, records);
        let started = Instant::now();
        current.append(&mut encoded.slices(), self.mark.position, self.sync)?;
        if self.sync == SyncMode::Always {
            counters.sync(started.elapsed());
        }
        counters.batch(records.len() as u64, total);
        self.mark.position += total;
        self.mark.seq = seq;
        Ok(self.mark)
    }

    /// Whether acknowledgements do not wait for a sync.
    pub(super) fn unsynced(&self) -> bool {
        self.sync == SyncMode::Os
    }

    /// Begins to make the next file once this one is half full.
    pub(super) fn look_ahead(&mut self) -> io::Result<()> {
        let half = self
            .current
            .as_ref()
            .is_some_and(|current| self.mark.position > current.size / 2);
        if half && self.next.is_none() {
            let (maker, number) = (self.maker.clone(), self.mark.file + 1);
            let make = move || maker.make(number);
            let thread = std::thread::Builder::new().name("wal-next".to_owned());
            self.next = Some(thread.spawn(make)?);
        }
        Ok(())
    }

    fn make_room(&mut self, total: u64) -> io::Result<()> {
        if self.current.is_none() {
            self.warm_up()?;
        }
        let size = self.current.as_ref().map_or(0, |current| current.size);
        if self.mark.position == START || self.mark.position + total <= size {
            return Ok(());
        }
        let number = self.mark.file + 1;
        let file = match self.next.take() {
            Some(making) => joined(making)?,
            None => self.maker.make(number)?,
        };
        self.mark.file = number;
        self.mark.position = START;
        self.start_file(file)
    }

    /// The head is synced with the first batch.
    fn start_file(&mut self, file: DiskFile) -> io::Result<()> {
        file.write_at(&file_head(self.mark.file), 0)?;
        self.current = Some(Current::open(file, START, self.sync)?);
        Ok(())
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        if let Some(making) = self.next.take() {
            drop(joined(making));
        }
    }
}

fn joined(making: JoinHandle<io::Result<DiskFile>>) -> io::Result<DiskFile> {
    making
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("making a write-ahead log file panicked")))
}

/// A batch as slices: heads, small payloads and padding in one buffer, large payloads in place.
struct Encoded<'a> {
    buffer: Vec<u8>,
    /// Large payloads and where in the buffer they belong.
    large: Vec<(usize, &'a [u8])>,
}

impl<'a> Encoded<'a> {
    fn new(file: u64, opening: &Head, records: &[&'a Record]) -> Self {
        let mut encoded = Self {
            buffer: Vec::with_capacity(HEAD * (records.len() + 1)),
            large: Vec::new(),
        };
        opening.encode(file, &mut encoded.buffer);
        for record in records {
            record
                .head(opening.batch_seq)
                .encode(file, &mut encoded.buffer);
            encoded.payload(record.payload());
        }
        encoded
    }

    fn payload(&mut self, payload: &'a [u8]) {
        if payload.len() <= COPIED {
            self.buffer.extend(payload);
        } else {
            self.large.push((self.buffer.len(), payload));
        }
        let padding = padded(payload.len()) - payload.len();
        self.buffer.extend(std::iter::repeat_n(0, padding));
    }

    fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.large.len() + 1);
        let mut from = 0;
        for (at, payload) in &self.large {
            slices.push(IoSlice::new(&self.buffer[from..*at]));
            slices.push(IoSlice::new(payload));
            from = *at;
        }
        slices.push(IoSlice::new(&self.buffer[from..]));
        slices
    }
}
