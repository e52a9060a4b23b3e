//! The disk seam: every file operation of storage goes through here.
//!
//! Real files, no trait object. What the seam adds to `std::fs` is what a test of power loss
//! needs: fault points ([`Faults`]), and, when a file named `ledger` lies in the directory, a
//! ledger of what a loss of power would take ([`Ledger`]), which the tests read to take it. Without that file the
//! ledger costs nothing. Paths are relative to the directory of the storage. The seam retries
//! nothing and caches nothing.

mod cut;
mod direct;
mod faults;
mod ledger;

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(in crate::node) use cut::power_cut;
pub(super) use direct::DirectFile;
pub(super) use faults::{Action, Faults};
#[cfg(test)]
pub(super) use faults::{Forgotten, Plan};
use ledger::Ledger;

/// The directory of one storage.
pub(super) struct Disk {
    root: PathBuf,
    ledger: Option<Ledger>,
    faults: Faults,
}

/// One open file; reads and writes say where.
pub(super) struct DiskFile {
    disk: Arc<Disk>,
    path: String,
    file: File,
}

impl Disk {
    /// The seam over `root`, which must exist.
    pub(super) fn open(root: &Path, faults: Faults) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            root: root.to_owned(),
            ledger: Ledger::open_if_asked(root)?,
            faults,
        }))
    }

    /// Opens a file that exists.
    pub(super) fn file(self: &Arc<Self>, path: &str) -> io::Result<DiskFile> {
        let file = self.named("open", path, |full| {
            OpenOptions::new().read(true).write(true).open(full)
        })?;
        self.noted(|ledger| ledger.opened(path, file.metadata()?.len()))?;
        Ok(self.handle(path, file))
    }

    /// Makes a file, empty even when there was one. Its name is durable after
    /// [`Disk::sync_dir`].
    pub(super) fn create(self: &Arc<Self>, path: &str) -> io::Result<DiskFile> {
        self.faults.before(Action::Name, path)?;
        let file = self.named("create", path, |full| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(full)
        })?;
        self.noted(|ledger| ledger.created(path))?;
        Ok(self.handle(path, file))
    }

    /// Makes a directory; `true` when there was none.
    pub(super) fn create_dir(&self, path: &str) -> io::Result<bool> {
        if self.full(path).is_dir() {
            return Ok(false);
        }
        self.faults.before(Action::Name, path)?;
        match self.named("make directory", path, fs::create_dir) {
            // Another thread was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            made => made?,
        }
        self.noted(|ledger| ledger.directory_created(path))?;
        Ok(true)
    }

    /// Whether there is such a file or directory.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.full(path).exists()
    }

    /// The names in a directory, sorted; nothing when there is no such directory.
    pub(super) fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.full(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| describe("list", path, &error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.retain(|name| !name.ends_with(ledger::UNDO));
        names.sort_unstable();
        Ok(names)
    }

    /// A whole file; `None` when there is none.
    pub(super) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.full(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(describe("read", path, &error)),
        }
    }

    /// Puts `bytes` in the place of `path`: a synced file beside it, a rename, and the sync of
    /// the directory. After a loss of power there is the old file or the new one.
    pub(super) fn replace(self: &Arc<Self>, path: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = format!("{path}.new");
        let file = self.create(&beside)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.rename(&beside, path)?;
        self.sync_dir(parent(path))
    }

    /// Renames, over what is there; durable after [`Disk::sync_dir`].
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.faults.before(Action::Name, from)?;
        self.noted(|ledger| ledger.renaming(from, to))?;
        self.named("rename", from, |full| fs::rename(full, self.full(to)))
    }

    /// Removes a file; no error when there is none.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        self.faults.before(Action::Name, path)?;
        self.noted(|ledger| ledger.removing(path))?;
        tolerate_missing(self.named("remove", path, fs::remove_file))
    }

    /// Removes a directory with all that is in it; no error when there is none.
    pub(super) fn remove_dir(&self, path: &str) -> io::Result<()> {
        self.faults.before(Action::Name, path)?;
        self.noted(|ledger| ledger.forget_directory(path))?;
        tolerate_missing(self.named("remove", path, fs::remove_dir_all))
    }

    /// A second name for a file, for evidence that stays.
    pub(super) fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        self.named("copy", from, |full| fs::copy(full, self.full(to)))?;
        Ok(())
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.faults.before(Action::Sync, path)?;
        if self.faults.forgets_directories() {
            return Ok(());
        }
        self.named("sync directory", path, |full| File::open(full)?.sync_all())?;
        self.noted(|ledger| ledger.directory_synced(path))
    }

    fn full(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn handle(self: &Arc<Self>, path: &str, file: File) -> DiskFile {
        DiskFile {
            disk: self.clone(),
            path: path.to_owned(),
            file,
        }
    }

    fn named<T>(
        &self,
        what: &str,
        path: &str,
        act: impl FnOnce(PathBuf) -> io::Result<T>,
    ) -> io::Result<T> {
        act(self.full(path)).map_err(|error| describe(what, path, &error))
    }

    fn noted(&self, note: impl FnOnce(&Ledger) -> io::Result<()>) -> io::Result<()> {
        self.ledger.as_ref().map_or(Ok(()), note)
    }
}

impl DiskFile {
    /// The path within the storage.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The length in bytes.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.failed("inspect", self.file.metadata())?.len())
    }

    /// Fills `buffer` from `position`; an end of file before that is an error.
    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        self.failed("read", self.file.read_exact_at(buffer, position))
    }

    /// Writes all of `bytes` at `position`.
    pub(super) fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.write_all_at(&mut [IoSlice::new(bytes)], position)
    }

    /// Writes all slices one after the other from `position`.
    ///
    /// Moves the file's cursor: only one thread may write through a handle.
    pub(super) fn write_all_at(
        &self,
        mut slices: &mut [IoSlice<'_>],
        position: u64,
    ) -> io::Result<()> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        self.disk.faults.before(Action::Write, &self.path)?;
        self.disk
            .noted(|ledger| ledger.wrote(&self.path, position..position + length as u64))?;
        let mut file = &self.file;
        self.failed("seek", file.seek(SeekFrom::Start(position)))?;
        // An empty slice at the front would read as "the disk took nothing".
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let window = slices.len().min(MAX_SLICES);
            match file.write_vectored(&slices[..window]) {
                Ok(0) => return self.failed("write", Err(io::ErrorKind::WriteZero.into())),
                Ok(taken) => IoSlice::advance_slices(&mut slices, taken),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.failed("write", Err(error)),
            }
        }
        Ok(())
    }

    /// Cuts or extends the file.
    pub(super) fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.faults.before(Action::Write, &self.path)?;
        self.failed("cut", self.file.set_len(length))
    }

    /// Makes content and length durable (fdatasync).
    ///
    /// An error is final: the kernel has marked the pages clean, so that a second try would
    /// lie. The caller stops.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.disk.faults.before(Action::Sync, &self.path)?;
        if self.disk.faults.forgets(&self.path) {
            return Ok(());
        }
        self.failed("sync", self.file.sync_data())?;
        self.disk
            .noted(|ledger| ledger.synced(&self.path, self.file.metadata()?.len()))
    }

    fn failed<T>(&self, what: &str, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| describe(what, &self.path, &error))
    }
}

/// Slices of one system call; Linux takes 1,024.
const MAX_SLICES: usize = 1024;

/// The directory of a path; the root is the empty path.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn describe(what: &str, path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {path}: {error}"))
}

fn tolerate_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
