//! Synced appends past the page cache: one system call in place of a write and a sync.
//!
//! A write of whole blocks with `O_DIRECT` and `O_DSYNC` goes from this buffer to the disk. The
//! block in which the last append ended is written again with the next one, from memory, so bytes
//! follow each other without gaps; what is behind the end in its block is zeros. Where the file
//! system does not offer this there is no such file, and the caller writes and syncs.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;

use super::{Action, Disk, DiskFile, describe};

/// Alignment of memory, of positions and of lengths; no disk asks for more.
const BLOCK: usize = 4096;
/// Bytes of one write; a longer append is several.
const MOST: usize = 1 << 20;

/// A file that is only appended to, and synced with every append.
pub(in crate::node::storage) struct DirectFile {
    disk: Arc<Disk>,
    path: String,
    file: File,
    buffer: Aligned,
    /// Where the next append goes.
    end: u64,
}

impl DirectFile {
    /// Continues `file`, whose content ends at `end`; `None` where this cannot be done.
    pub(in crate::node::storage) fn over(file: &DiskFile, end: u64) -> io::Result<Option<Self>> {
        let full = file.disk.full(&file.path);
        let mut options = OpenOptions::new();
        options.write(true);
        let Ok(direct) = options.custom_flags(flags()).open(full) else {
            return Ok(None);
        };
        let mut buffer = Aligned::new();
        let before = (end % BLOCK as u64) as usize;
        file.read_at(&mut buffer.bytes()[..before], end - before as u64)?;
        Ok(Some(Self {
            disk: Arc::clone(&file.disk),
            path: file.path.clone(),
            file: direct,
            buffer,
            end,
        }))
    }

    /// Appends all slices, one after the other, and returns when they are durable.
    ///
    /// An error is final, as of [`DiskFile::sync`].
    pub(in crate::node::storage) fn append(&mut self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        let range = self.end..self.end + length as u64;
        self.disk.faults.before(Action::Write, &self.path)?;
        self.disk.noted(|ledger| ledger.wrote(&self.path, range))?;
        self.disk.faults.before(Action::Sync, &self.path)?;
        for slice in slices {
            self.take(slice)?;
        }
        self.put()?;
        if self.disk.faults.forgets(&self.path) {
            return Ok(());
        }
        self.disk
            .noted(|ledger| ledger.synced(&self.path, self.file.metadata()?.len()))
    }

    /// Where in the buffer the next byte goes: behind those of its block that are durable, and
    /// those that wait.
    fn used(&self) -> usize {
        self.buffer.used + (self.end % BLOCK as u64) as usize
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let used = self.used();
            let fits = bytes.len().min(MOST - used);
            self.buffer.bytes()[used..used + fits].copy_from_slice(&bytes[..fits]);
            self.buffer.used += fits;
            bytes = &bytes[fits..];
            if self.used() == MOST {
                self.put()?;
            }
        }
        Ok(())
    }

    /// Writes what waits, and keeps the block in which it ends.
    fn put(&mut self) -> io::Result<()> {
        let used = self.used();
        let start = self.end - self.end % BLOCK as u64;
        let whole = used.next_multiple_of(BLOCK);
        let bytes = self.buffer.bytes();
        bytes[used..whole].fill(0);
        let written = self.file.write_all_at(&bytes[..whole], start);
        written.map_err(|error| describe("write and sync", &self.path, &error))?;
        let last = used - used % BLOCK;
        bytes.copy_within(last..used, 0);
        self.end += self.buffer.used as u64;
        self.buffer.used = 0;
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn flags() -> i32 {
    nix::libc::O_DIRECT | nix::libc::O_DSYNC
}

/// No such thing here: a flag that no system knows makes the open fail.
#[cfg(not(target_os = "linux"))]
fn flags() -> i32 {
    i32::MIN
}

/// Memory that starts on a block, and how many bytes of it wait.
struct Aligned {
    memory: Vec<u8>,
    skip: usize,
    used: usize,
}

impl Aligned {
    fn new() -> Self {
        let memory = vec![0; MOST + BLOCK];
        let skip = memory.as_ptr().align_offset(BLOCK);
        Self {
            memory,
            skip,
            used: 0,
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.skip..self.skip + MOST]
    }
}

#[cfg(test)]
mod tests {
    use super::super::Faults;
    use super::*;

    /// Appends pieces of these sizes behind a head, now and then from a newly opened file.
    fn append_all(sizes: &[usize], head: usize) {
        let dir = tempfile::tempdir_in(".").unwrap();
        let disk = Disk::open(dir.path(), Faults::default()).unwrap();
        let file = disk.create("wal.log").unwrap();
        file.write_at(&vec![7; 4 << 20], 0).unwrap();
        let mut expected = vec![7; head];
        let Some(mut direct) = DirectFile::over(&file, head as u64).unwrap() else {
            return;
        };
        for (number, size) in sizes.iter().enumerate() {
            let piece: Vec<u8> = (0..*size).map(|at| (at + number) as u8).collect();
            let (front, back) = piece.split_at(size / 3);
            direct
                .append(&[IoSlice::new(front), IoSlice::new(back)])
                .unwrap();
            expected.extend(&piece);
            if number % 3 == 2 {
                direct = DirectFile::over(&file, expected.len() as u64)
                    .unwrap()
                    .unwrap();
            }
        }
        let mut found = vec![0; expected.len()];
        file.read_at(&mut found, 0).unwrap();
        assert!(found == expected, "the bytes are those that were appended");
    }

    #[test]
    fn appends_of_every_size_follow_each_other() {
        append_all(
            &[
                1,
                4096 - 65,
                4096,
                100,
                12_345,
                MOST,
                MOST + 1,
                3,
                8192,
                511,
            ],
            64,
        );
        append_all(&[MOST - 10, 20, 4096], 0);
    }
}
