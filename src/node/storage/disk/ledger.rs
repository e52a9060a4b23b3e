//! The ledger: what a loss of power would take from each file and each name.
//!
//! Kept only when a file named `ledger` lies in the storage directory (a test puts an empty one
//! there). It is that file: 256 bytes a slot, one slot a file, rewritten in place at each change
//! and never synced, since the process is killed and not the machine. So it survives the process
//! and [`super::power_cut`] can read it, also after several lives of the process.
//!
//! A file's unsynced bytes are one range, from the lowest to the highest byte written since its
//! last sync. While a rename or removal is not durable, what it replaced stays beside it under a
//! name that ends with [`UNDO`].

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::parent;

/// The end of the names that keep what an unsynced rename or removal replaced.
pub(super) const UNDO: &str = ".~undo";
/// The ledger's name in the storage directory.
pub(super) const NAME: &str = "ledger";
const SLOT: usize = 256;
const FIXED: usize = 32;

/// How durable a name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// The directory was synced since.
    Synced,
    /// Made, and the directory not synced since.
    Created,
    /// Was called this, and the directory not synced since.
    RenamedFrom(String),
    /// Removed, and the directory not synced since.
    Removed,
}

/// One file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// Path within the storage.
    pub(super) path: String,
    /// Durability of the name.
    pub(super) name: Name,
    /// Bytes that were written and not synced.
    pub(super) dirty: Range<u64>,
    /// The length at the last sync.
    pub(super) synced_len: u64,
}

/// The ledger of one storage directory.
pub(super) struct Ledger {
    root: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: File,
    slots: Vec<Option<Slot>>,
    by_path: HashMap<String, usize>,
}

impl Ledger {
    /// The ledger of `root`, when somebody has put its file there.
    pub(super) fn open_if_asked(root: &Path) -> io::Result<Option<Self>> {
        let path = root.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let slots = read_slots(&fs::read(&path)?);
        let by_path = (slots.iter().enumerate())
            .filter_map(|(at, slot)| Some((slot.as_ref()?.path.clone(), at)))
            .collect();
        Ok(Some(Self {
            root: root.to_owned(),
            inner: Mutex::new(Inner {
                file,
                slots,
                by_path,
            }),
        }))
    }

    /// A file that was there is used; what it holds counts as synced unless known better.
    pub(super) fn opened(&self, path: &str, length: u64) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.by_path.contains_key(path) {
            return Ok(());
        }
        inner.put(Slot::new(path, Name::Synced, length))
    }

    /// A new, empty file.
    pub(super) fn created(&self, path: &str) -> io::Result<()> {
        self.inner().put(Slot::new(path, Name::Created, 0))
    }

    /// A new directory.
    pub(super) fn directory_created(&self, path: &str) -> io::Result<()> {
        self.created(path)
    }

    /// Bytes are about to be written.
    pub(super) fn wrote(&self, path: &str, range: Range<u64>) -> io::Result<()> {
        self.inner().change(path, |slot| {
            let dirty = &slot.dirty;
            slot.dirty = if dirty.is_empty() {
                range
            } else {
                dirty.start.min(range.start)..dirty.end.max(range.end)
            };
        })
    }

    /// All bytes are durable.
    pub(super) fn synced(&self, path: &str, length: u64) -> io::Result<()> {
        self.inner().change(path, |slot| {
            slot.dirty = 0..0;
            slot.synced_len = length;
        })
    }

    /// A rename is about to happen.
    pub(super) fn renaming(&self, from: &str, to: &str) -> io::Result<()> {
        self.keep_undo(to)?;
        let mut inner = self.inner();
        let mut slot = inner.take(from)?.unwrap_or_else(|| {
            let length = fs::metadata(self.root.join(from)).map_or(0, |meta| meta.len());
            Slot::new(from, Name::Synced, length)
        });
        inner.move_below(from, to)?;
        let was = match slot.name {
            Name::RenamedFrom(first) => first,
            _ => from.to_owned(),
        };
        slot.name = Name::RenamedFrom(was);
        to.clone_into(&mut slot.path);
        inner.put(slot)
    }

    /// A removal is about to happen.
    pub(super) fn removing(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner();
        let Some(slot) = inner.take(path)? else {
            return Ok(());
        };
        if slot.name == Name::Synced && slot.dirty.is_empty() {
            drop(inner);
            self.keep_undo(path)?;
            return self.inner().put(Slot::new(path, Name::Removed, 0));
        }
        Ok(())
    }

    /// A directory goes with all that is in it; that is not undone.
    pub(super) fn forget_directory(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner();
        for inside in inner.below(path) {
            inner.take(&inside)?;
        }
        inner.take(path)?;
        Ok(())
    }

    /// The names in a directory are durable.
    pub(super) fn directory_synced(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner();
        let children: Vec<String> = (inner.slots.iter().flatten())
            .filter(|slot| slot.name != Name::Synced && parent(&slot.path) == path)
            .map(|slot| slot.path.clone())
            .collect();
        for child in children {
            drop(fs::remove_file(self.undo(&child)));
            let gone = inner
                .slot(&child)
                .is_some_and(|slot| slot.name == Name::Removed);
            if gone {
                inner.take(&child)?;
            } else {
                inner.change(&child, |slot| slot.name = Name::Synced)?;
            }
        }
        Ok(())
    }

    /// Keeps what is at `path` under its undo name, unless an older one is kept already.
    fn keep_undo(&self, path: &str) -> io::Result<()> {
        let full = self.root.join(path);
        let undo = self.undo(path);
        if full.is_file() && !undo.exists() {
            fs::hard_link(full, undo)?;
        }
        Ok(())
    }

    fn undo(&self, path: &str) -> PathBuf {
        self.root.join(format!("{path}{UNDO}"))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no thread panics while it keeps the ledger")
    }
}

impl Inner {
    fn slot(&self, path: &str) -> Option<&Slot> {
        self.slots[*self.by_path.get(path)?].as_ref()
    }

    fn put(&mut self, slot: Slot) -> io::Result<()> {
        let free = || self.slots.iter().position(Option::is_none);
        let at = (self.by_path.get(&slot.path).copied())
            .or_else(free)
            .unwrap_or(self.slots.len());
        if at == self.slots.len() {
            self.slots.push(None);
        }
        self.by_path.insert(slot.path.clone(), at);
        self.slots[at] = Some(slot);
        self.store(at)
    }

    fn change(&mut self, path: &str, change: impl FnOnce(&mut Slot)) -> io::Result<()> {
        let Some(&at) = self.by_path.get(path) else {
            return Ok(());
        };
        if let Some(slot) = &mut self.slots[at] {
            change(slot);
        }
        self.store(at)
    }

    fn take(&mut self, path: &str) -> io::Result<Option<Slot>> {
        let Some(at) = self.by_path.remove(path) else {
            return Ok(None);
        };
        let slot = self.slots[at].take();
        self.store(at)?;
        Ok(slot)
    }

    fn below(&self, directory: &str) -> Vec<String> {
        let prefix = format!("{directory}/");
        let paths = self.by_path.keys();
        paths
            .filter(|path| path.starts_with(&prefix))
            .cloned()
            .collect()
    }

    /// A directory moves with what is in it.
    fn move_below(&mut self, from: &str, to: &str) -> io::Result<()> {
        for inside in self.below(from) {
            if let Some(mut slot) = self.take(&inside)? {
                slot.path = format!("{to}{}", &inside[from.len()..]);
                self.put(slot)?;
            }
        }
        Ok(())
    }

    fn store(&mut self, at: usize) -> io::Result<()> {
        let bytes = self.slots[at].as_ref().map_or([0; SLOT], Slot::to_bytes);
        self.file.write_all_at(&bytes, (at * SLOT) as u64)
    }
}

impl Slot {
    fn new(path: &str, name: Name, synced_len: u64) -> Self {
        Self {
            path: path.to_owned(),
            name,
            dirty: 0..0,
            synced_len,
        }
    }

    fn to_bytes(&self) -> [u8; SLOT] {
        let (tag, from) = match &self.name {
            Name::Synced => (1, ""),
            Name::Created => (2, ""),
            Name::RenamedFrom(from) => (3, from.as_str()),
            Name::Removed => (4, ""),
        };
        assert!(
            FIXED + self.path.len() + from.len() <= SLOT,
            "the paths of the storage are short"
        );
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&self.dirty.start.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.dirty.end.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.synced_len.to_le_bytes());
        bytes[24] = tag;
        bytes[25] = self.path.len() as u8;
        bytes[26] = from.len() as u8;
        let middle = FIXED + self.path.len();
        bytes[FIXED..middle].copy_from_slice(self.path.as_bytes());
        bytes[middle..middle + from.len()].copy_from_slice(from.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let middle = FIXED + usize::from(*bytes.get(25)?);
        let end = middle + usize::from(*bytes.get(26)?);
        let text = |range: Range<usize>| String::from_utf8(bytes.get(range)?.to_vec()).ok();
        let name = match bytes.get(24)? {
            1 => Name::Synced,
            2 => Name::Created,
            3 => Name::RenamedFrom(text(middle..end)?),
            4 => Name::Removed,
            _ => return None,
        };
        Some(Self {
            path: text(FIXED..middle)?,
            name,
            dirty: number(0)?..number(8)?,
            synced_len: number(16)?,
        })
    }
}

/// The slots of a ledger's bytes, free ones included.
pub(super) fn read_slots(bytes: &[u8]) -> Vec<Option<Slot>> {
    bytes.chunks(SLOT).map(Slot::from_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_survives_its_bytes() {
        let slot = Slot {
            path: "wal/wal-0000000000000002.log".to_owned(),
            name: Name::RenamedFrom("wal/wal-0000000000000001.log".to_owned()),
            dirty: 512..8192,
            synced_len: 4096,
        };
        assert_eq!(Slot::from_bytes(&slot.to_bytes()), Some(slot));
        assert_eq!(Slot::from_bytes(&[0; SLOT]), None);
    }
}
