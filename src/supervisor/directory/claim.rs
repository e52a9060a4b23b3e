//! Taking a cluster's directory: found or made, locked, marked.
//!
//! The lock is held by the living supervisor and dropped by the kernel with it, so it is the one
//! truth about who runs a cluster. What the directory's owner left behind is never touched
//! before the lock is ours.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::{ClusterDir, DirectoryError, MARKER, create_file, create_private, io_error};
use crate::spec::ClusterSpec;
use crate::supervisor::name::ClusterName;
use crate::supervisor::places::Places;
use crate::supervisor::request::Home;

/// How an attempt to take a directory ended.
pub(in crate::supervisor) enum Claim {
    /// It is ours.
    Taken(ClaimedDir),
    /// A living process has it.
    Busy(ClusterDir),
}

/// A directory that nobody else can take while this lives.
#[derive(Debug)]
pub(in crate::supervisor) struct ClaimedDir {
    dir: ClusterDir,
    key: Key,
    lock: Flock<File>,
}

/// What a cluster is found by: whose it is, and its name.
#[derive(Debug, Clone)]
struct Key {
    places: Places,
    name: ClusterName,
}

impl Key {
    fn new(places: &Places, name: &ClusterName) -> Self {
        Self {
            places: places.clone(),
            name: name.clone(),
        }
    }

    /// Its directory, or a link to it.
    fn entry(&self) -> PathBuf {
        self.places.clusters().join(self.name.as_str())
    }

    fn remove_log(&self, which: Log) -> io::Result<()> {
        let log = self.places.supervisor_log(&self.name);
        match std::fs::metadata(&log) {
            Ok(found) if which == Log::Any || found.len() == 0 => std::fs::remove_file(&log),
            _ => Ok(()),
        }
    }
}

/// Which log of a supervisor goes with its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    /// One without a word: there is nothing to read.
    Silent,
    /// Any.
    Any,
}

impl ClaimedDir {
    /// The directory.
    pub(in crate::supervisor) fn dir(&self) -> &ClusterDir {
        &self.dir
    }

    /// Removes the directory with all data, then its entry and a log without a word, then gives the
    /// lock back.
    pub(in crate::supervisor) fn wipe(self) -> Result<(), DirectoryError> {
        self.remove(Log::Silent)
    }

    /// The same with all that was said: nobody will ask any more.
    pub(in crate::supervisor) fn wipe_whole(self) -> Result<(), DirectoryError> {
        self.remove(Log::Any)
    }

    fn remove(self, log: Log) -> Result<(), DirectoryError> {
        let path = self.dir.path();
        if !self.dir.is_ours() {
            return Err(DirectoryError::NotOurs(path.to_owned()));
        }
        remove_contents(path).map_err(io_error("remove", path))?;
        let entry = self.key.entry();
        if entry.is_symlink() {
            std::fs::remove_file(&entry).map_err(io_error("remove", &entry))?;
        }
        let removed = self.key.remove_log(log);
        removed.map_err(io_error("remove the log of", path))?;
        drop(self.lock);
        Ok(())
    }
}

/// The marker goes last: a wipe that was cut short can be repeated.
fn remove_contents(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_file(path.join(MARKER))?;
    std::fs::remove_dir(path)
}

/// Takes the directory of a cluster, making it when there is none.
pub(in crate::supervisor) fn claim(
    places: &Places,
    name: &ClusterName,
    home: &Home,
) -> Result<Claim, DirectoryError> {
    let clusters = places.clusters();
    create_private(&clusters).map_err(io_error("create", &clusters))?;
    let key = Key::new(places, name);
    let entry = key.entry();
    forget_dead_link(&entry)?;
    loop {
        let path = match (entry.exists(), home) {
            (true, Home::Chosen(chosen)) if !same(&entry, chosen) => {
                return Err(DirectoryError::Elsewhere(canonical(&entry)?));
            }
            (true, _) => canonical(&entry)?,
            (false, _) => make(places, name, home, &entry)?,
        };
        match take(ClusterDir { path }, &key)? {
            Some(Claim::Taken(taken)) => return settle(taken),
            Some(busy) => return Ok(busy),
            // It was removed between our look and our lock: look again.
            None => {}
        }
    }
}

/// Takes the directory of a cluster that exists.
pub(in crate::supervisor) fn take_existing(
    places: &Places,
    name: &ClusterName,
) -> Result<Option<Claim>, DirectoryError> {
    let key = Key::new(places, name);
    let path = canonical(&key.entry())?;
    take(ClusterDir { path }, &key)
}

/// Whether somebody holds the lock of a directory; one that cannot be opened is held by nobody.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    // Shared, and given back at once: two who only look do not see each other.
    matches!(
        Flock::lock(file, FlockArg::LockSharedNonblock),
        Err((_, Errno::EWOULDBLOCK))
    )
}

fn make(
    places: &Places,
    name: &ClusterName,
    home: &Home,
    entry: &Path,
) -> Result<PathBuf, DirectoryError> {
    let path = match home {
        Home::Default => entry.to_owned(),
        Home::Chosen(path) => path.clone(),
        Home::Ephemeral => {
            let unique = format!("chronik-dev-{name}-{:08x}", rand::random::<u32>());
            places.temp.join(unique)
        }
    };
    create_private(&path).map_err(io_error("create", &path))?;
    canonical(&path)
}

fn take(dir: ClusterDir, key: &Key) -> Result<Option<Claim>, DirectoryError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_DIRECTORY.bits())
        .open(dir.path());
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error("open", dir.path())(source)),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) if still_there(&lock, dir.path()) => Ok(Some(Claim::Taken(ClaimedDir {
            key: key.clone(),
            dir,
            lock,
        }))),
        Ok(_removed) => Ok(None),
        Err((_, Errno::EWOULDBLOCK)) => Ok(Some(Claim::Busy(dir))),
        Err((_, errno)) => Err(io_error("lock", dir.path())(errno.into())),
    }
}

/// Whether the locked directory is still the one at the path.
fn still_there(lock: &File, path: &Path) -> bool {
    match (lock.metadata(), std::fs::metadata(path)) {
        (Ok(locked), Ok(found)) => locked.ino() == found.ino() && locked.dev() == found.dev(),
        _ => false,
    }
}

/// Marks a directory as ours, or refuses a foreign one; then links its entry to it.
fn settle(claimed: ClaimedDir) -> Result<Claim, DirectoryError> {
    let path = claimed.dir.path();
    if !claimed.dir.is_ours() {
        let mut content = std::fs::read_dir(path).map_err(io_error("read", path))?;
        if content.next().is_some() {
            return Err(DirectoryError::NotOurs(path.to_owned()));
        }
        let marker = path.join(MARKER);
        create_file(&marker).map_err(io_error("create", &marker))?;
    }
    let entry = claimed.key.entry();
    if !entry.exists() {
        std::os::unix::fs::symlink(path, &entry).map_err(io_error("link", &entry))?;
    }
    if !claimed.dir.spec_file().exists() && claimed.dir.has_node_data() {
        return Err(DirectoryError::Headless(path.to_owned()));
    }
    Ok(Claim::Taken(claimed))
}

/// An entry whose directory was removed by hand is no cluster.
fn forget_dead_link(entry: &Path) -> Result<(), DirectoryError> {
    if entry.is_symlink() && !entry.exists() {
        std::fs::remove_file(entry).map_err(io_error("remove", entry))?;
    }
    Ok(())
}

/// The spec in a directory that may be a cluster's; `None` where there is none to be believed.
pub(in crate::supervisor) fn spec_in(path: &Path) -> Option<ClusterSpec> {
    let path = std::fs::canonicalize(path).ok()?;
    ClusterDir { path }.load_spec().ok().flatten()
}

fn same(entry: &Path, chosen: &Path) -> bool {
    match (std::fs::canonicalize(entry), std::fs::canonicalize(chosen)) {
        (Ok(entry), Ok(chosen)) => entry == chosen,
        _ => false,
    }
}

fn canonical(path: &Path) -> Result<PathBuf, DirectoryError> {
    std::fs::canonicalize(path).map_err(io_error("find", path))
}
