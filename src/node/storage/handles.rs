//! Open files of segments, shared by readers and the one writer; a bounded number of them.
//!
//! Closing one and opening it again loses nothing: the page cache belongs to the file, not to the
//! handle.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};

use super::GroupId;
use super::disk::{Disk, DiskFile};
use super::row::{ROW, Row};
use super::view::Segment;

/// Below the usual limit of 1,024 files, with room for sockets.
const MAX_OPEN: usize = 384;

/// The open files of all segments.
pub(super) struct Handles {
    disk: Arc<Disk>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: HashMap<String, (Arc<DiskFile>, u64)>,
    clock: u64,
}

impl Handles {
    /// No open file yet.
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self {
            disk,
            open: Mutex::default(),
        }
    }

    /// A file that exists.
    pub(super) fn get(&self, path: &str) -> io::Result<Arc<DiskFile>> {
        let mut open = self.open();
        open.clock += 1;
        let now = open.clock;
        if let Some((file, used)) = open.files.get_mut(path) {
            *used = now;
            return Ok(file.clone());
        }
        let file = Arc::new(self.disk.file(path)?);
        open.insert(path, &file);
        Ok(file)
    }

    /// A new file.
    pub(super) fn create(&self, path: &str) -> io::Result<Arc<DiskFile>> {
        let file = Arc::new(self.disk.create(path)?);
        self.open().insert(path, &file);
        Ok(file)
    }

    /// Closes a file that goes.
    pub(super) fn forget(&self, path: &str) {
        self.open().files.remove(path);
    }

    /// Closes all files of a directory that goes.
    pub(super) fn forget_directory(&self, directory: &str) {
        let inside = |path: &str| {
            path.strip_prefix(directory)
                .is_some_and(|p| p.starts_with('/'))
        };
        self.open().files.retain(|path, _| !inside(path));
    }

    /// Rows of a segment, from `index` on.
    ///
    /// A row that is not what it must be is an error: a wrong entry is never served.
    pub(super) fn rows(
        &self,
        group: GroupId,
        directory: &str,
        segment: &Segment,
        index: u64,
        count: u64,
    ) -> io::Result<Vec<Row>> {
        let file = self.get(&format!("{directory}/{}", segment.row_file()))?;
        let mut bytes = vec![0; count as usize * ROW];
        file.read_at(&mut bytes, (index - segment.first) * ROW as u64)?;
        let decode = |(at, bytes): (usize, &[u8])| {
            Row::decode(group, bytes)
                .filter(|row| row.at.index == index + at as u64)
                .ok_or_else(|| damaged(&file, &format!("row {}", index + at as u64)))
        };
        bytes.chunks(ROW).enumerate().map(decode).collect()
    }

    /// The bytes of consecutive rows of one segment, each held against its checksum.
    pub(super) fn data(
        &self,
        directory: &str,
        segment: &Segment,
        rows: &[Row],
    ) -> io::Result<Bytes> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(Bytes::new());
        };
        let length = last.end_position().saturating_sub(first.position);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let file = self.get(&format!("{directory}/{}", segment.data_file()))?;
        if last.end_position() > segment.bytes {
            return Err(damaged(
                &file,
                &format!("row {} points past it", last.at.index),
            ));
        }
        let mut bytes = BytesMut::zeroed(length as usize);
        file.read_at(&mut bytes, first.position)?;
        for row in rows {
            let from = row.position.checked_sub(first.position);
            let to = row.end_position().saturating_sub(first.position) as usize;
            let slice = from.and_then(|from| bytes.get(from as usize..to));
            let holds = row.end_position() == row.position
                || slice.is_some_and(|slice| crc32c::crc32c(slice) == row.crc);
            if !holds {
                return Err(damaged(
                    &file,
                    &format!("the bytes of entry {}", row.at.index),
                ));
            }
        }
        Ok(bytes.freeze())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open
            .lock()
            .expect("no thread panics while it looks up a file")
    }
}

fn damaged(file: &DiskFile, what: &str) -> io::Error {
    let path = file.path();
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{path}: {what}: checksum"),
    )
}

impl Open {
    fn insert(&mut self, path: &str, file: &Arc<DiskFile>) {
        if self.files.len() >= MAX_OPEN {
            self.close_oldest();
        }
        self.clock += 1;
        self.files
            .insert(path.to_owned(), (file.clone(), self.clock));
    }

    /// Closes a quarter at once, so that the search for them is rare.
    fn close_oldest(&mut self) {
        let mut uses: Vec<u64> = self.files.values().map(|(_, used)| *used).collect();
        uses.sort_unstable();
        let newest_to_go = uses[uses.len() / 4];
        self.files.retain(|_, (_, used)| *used > newest_to_go);
    }
}
