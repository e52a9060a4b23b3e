//! A loss of power, applied to the directory of a storage whose process is dead.
//!
//! Reads the ledger and takes everything that it does not call synced: bytes by sectors (each
//! kept, zeroed or turned to garbage, as a disk with a volatile cache may do), names by coin. What
//! was synced is not touched. The same seed gives the same loss.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::ledger::{self, Name, Slot, UNDO};

/// Bytes that a disk writes as a whole.
const SECTOR: u64 = 512;

/// Takes from the storage in `root` what a loss of power may take.
///
/// Does nothing when no ledger was kept there. The ledger is empty afterwards: what is left is
/// what the disk has.
pub(in crate::node) fn power_cut(root: &Path, seed: u64) -> io::Result<()> {
    let ledger = root.join(ledger::NAME);
    if !ledger.exists() {
        return Ok(());
    }
    let mut cut = Cut {
        root,
        rng: StdRng::seed_from_u64(seed),
    };
    let slots: Vec<Slot> = ledger::read_slots(&fs::read(&ledger)?)
        .into_iter()
        .flatten()
        .collect();
    for slot in &slots {
        cut.bytes(slot)?;
    }
    // Names of files before those of the directories that hold them: deepest first.
    let mut names: Vec<&Slot> = slots.iter().collect();
    names.sort_by_key(|slot| std::cmp::Reverse(slot.path.matches('/').count()));
    for slot in names {
        cut.name(slot)?;
    }
    fs::write(ledger, b"")
}

struct Cut<'a> {
    root: &'a Path,
    rng: StdRng,
}

impl Cut<'_> {
    fn bytes(&mut self, slot: &Slot) -> io::Result<()> {
        let full = self.root.join(&slot.path);
        if slot.dirty.is_empty() || !full.is_file() {
            return Ok(());
        }
        let file = OpenOptions::new().read(true).write(true).open(full)?;
        let length = file.metadata()?.len();
        let keep_all = self.rng.random_bool(0.1);
        let lose_all = self.rng.random_bool(0.3);
        let mut at = slot.dirty.start / SECTOR * SECTOR;
        while at < slot.dirty.end.min(length) && !keep_all {
            let end = (at + SECTOR).min(slot.dirty.end).min(length);
            let start = at.max(slot.dirty.start);
            match self.rng.random_range(0..3) {
                0 if !lose_all => {}
                1 if !lose_all => file.write_all_at(&self.garbage(end - start), start)?,
                _ => file.write_all_at(&vec![0; (end - start) as usize], start)?,
            }
            at += SECTOR;
        }
        if length > slot.synced_len && !keep_all {
            let kept = self.rng.random_range(slot.synced_len..=length);
            file.set_len(if lose_all { slot.synced_len } else { kept })?;
        }
        Ok(())
    }

    fn garbage(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.rng.random()).collect()
    }

    fn name(&mut self, slot: &Slot) -> io::Result<()> {
        let full = self.root.join(&slot.path);
        let undo = self.root.join(format!("{}{UNDO}", slot.path));
        let lost = self.rng.random_bool(0.7);
        match &slot.name {
            Name::Synced => return Ok(()),
            Name::Created if !lost => return Ok(()),
            Name::Created if full.is_dir() => return fs::remove_dir_all(full),
            Name::Created if full.is_file() => return fs::remove_file(full),
            Name::RenamedFrom(from) if lost && full.exists() => {
                fs::rename(&full, self.root.join(from))?;
            }
            _ => {}
        }
        if !undo.exists() {
            return Ok(());
        }
        if lost {
            fs::rename(undo, full)
        } else {
            fs::remove_file(undo)
        }
    }
}
