//! Stored states of a group's state machine: one small file each, named after its position.
//!
//! A state is there wholly or not at all: a synced file, a rename, and the directories synced. A
//! damaged one is set aside under `.bad` and named; nothing of it is guessed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

use super::LogPosition;
use super::disk::Disk;
use super::sealed;

const MAGIC: [u8; 8] = *b"chrstate";
const SUFFIX: &str = ".state";

/// Which states a group has: the term by index.
#[derive(Default)]
pub(super) struct States(Mutex<BTreeMap<u64, u64>>);

/// The name of a state's file.
fn name(at: LogPosition) -> String {
    format!("{:020}-{:016x}{SUFFIX}", at.index, at.term)
}

/// The position in a state file's name.
fn position(name: &str) -> Option<LogPosition> {
    let (index, term) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some(LogPosition {
        term: u64::from_str_radix(term, 16).ok()?,
        index: index.parse().ok()?,
    })
}

impl States {
    /// Finds the states in a directory. Damaged ones are set aside and described.
    pub(super) fn find(disk: &Disk, directory: &str) -> io::Result<(Self, Vec<String>)> {
        let mut found = BTreeMap::new();
        let mut damaged = Vec::new();
        for name in disk.list(directory)? {
            let Some(at) = position(&name) else {
                continue;
            };
            match read(disk, directory, at) {
                Ok(_) => {
                    found.insert(at.index, at.term);
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    damaged.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok((Self(Mutex::new(found)), damaged))
    }

    /// Stores a state; durable when this returns.
    pub(super) fn save(
        &self,
        disk: &Arc<Disk>,
        directory: &str,
        at: LogPosition,
        state: &[u8],
    ) -> io::Result<()> {
        disk.create_dir(directory)?;
        let mut body = Vec::with_capacity(state.len() + 16);
        body.extend(at.index.to_le_bytes());
        body.extend(at.term.to_le_bytes());
        body.extend(state);
        let path = format!("{directory}/{}", name(at));
        // Under the lock, so that no older state's file of this name is removed meanwhile.
        let mut map = self.map();
        disk.replace(&path, &sealed::seal(MAGIC, &body))?;
        disk.sync_dir("groups")?;
        map.insert(at.index, at.term);
        Ok(())
    }

    /// Removes the file of a state that was forgotten, unless one was stored there again.
    pub(super) fn discard(&self, disk: &Disk, directory: &str, file: &str) -> io::Result<()> {
        let map = self.map();
        let known = position(file).is_some_and(|at| map.get(&at.index) == Some(&at.term));
        if known {
            return Ok(());
        }
        disk.remove(&format!("{directory}/{file}"))
    }

    /// The state with the highest index.
    pub(super) fn newest(
        &self,
        disk: &Disk,
        directory: &str,
    ) -> io::Result<Option<(LogPosition, Bytes)>> {
        let newest = self
            .map()
            .last_key_value()
            .map(|(index, term)| LogPosition {
                term: *term,
                index: *index,
            });
        let Some(at) = newest else {
            return Ok(None);
        };
        Ok(Some((at, self.read_known(disk, directory, at)?)))
    }

    /// The state at a position.
    pub(super) fn at(
        &self,
        disk: &Disk,
        directory: &str,
        at: LogPosition,
    ) -> io::Result<Option<Bytes>> {
        if !self.has(at) {
            return Ok(None);
        }
        self.read_known(disk, directory, at).map(Some)
    }

    /// Whether there is a state of this position.
    pub(super) fn has(&self, at: LogPosition) -> bool {
        self.map().get(&at.index) == Some(&at.term)
    }

    /// Whether there is a state from which the entries after `purged` can be applied.
    pub(super) fn reach_back_to(&self, purged: LogPosition) -> bool {
        self.map()
            .last_key_value()
            .is_some_and(|(index, _)| *index >= purged.index)
    }

    /// Forgets the states before an index, and names their files.
    pub(super) fn drop_before(&self, index: u64) -> Vec<String> {
        self.drop_where(|at| at.index < index)
    }

    /// Forgets all states but one, and names their files.
    pub(super) fn drop_all_but(&self, kept: LogPosition) -> Vec<String> {
        self.drop_where(|at| at != kept)
    }

    fn drop_where(&self, goes: impl Fn(LogPosition) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        self.map().retain(|&index, &mut term| {
            let at = LogPosition { term, index };
            let gone = goes(at);
            if gone {
                names.push(name(at));
            }
            !gone
        });
        names
    }

    fn read_known(&self, disk: &Disk, directory: &str, at: LogPosition) -> io::Result<Bytes> {
        let read = read(disk, directory, at);
        if read.is_err() {
            self.map().remove(&at.index);
        }
        read
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.0
            .lock()
            .expect("no thread panics while it holds the states")
    }
}

/// Reads a state, or sets a damaged one aside and says so.
fn read(disk: &Disk, directory: &str, at: LogPosition) -> io::Result<Bytes> {
    let path = format!("{directory}/{}", name(at));
    let bytes = disk.read(&path)?.ok_or(io::ErrorKind::NotFound)?;
    check(at, &bytes).or_else(|what| {
        let bad = format!("{path}.bad");
        disk.rename(&path, &bad)?;
        disk.sync_dir(directory)?;
        let what = format!("{path}: {what}; set aside as {bad}");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    })
}

fn check(at: LogPosition, bytes: &[u8]) -> Result<Bytes, String> {
    let body = sealed::unseal(MAGIC, bytes)?;
    let (position, state) = body.split_at_checked(16).ok_or("no position")?;
    if position[..8] != at.index.to_le_bytes() || position[8..] != at.term.to_le_bytes() {
        return Err("it is the state of another position".to_owned());
    }
    Ok(Bytes::copy_from_slice(state))
}
