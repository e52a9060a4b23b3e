//! The disk under the clusters' directory: how much is free, and how long a sync takes.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

use super::finding::Finding;

/// Syncs that are timed; the median is told.
const SYNCS: usize = 21;
/// Bytes written before each.
const BLOCK: [u8; 4096] = [0; 4096];

/// Examines each disk on which one of these directories lies, or would lie.
pub(super) fn examine(directories: &[PathBuf]) -> Vec<Finding> {
    let (mut seen, mut findings) = (BTreeSet::new(), Vec::new());
    for place in directories.iter().map(|directory| existing(directory)) {
        // What cannot be looked at is a disk of its own, and its finding says so.
        let device = std::fs::metadata(&place).map(|found| found.dev()).ok();
        if device.is_none_or(|device| seen.insert(device)) {
            findings.extend([space(&place), sync(place)]);
        }
    }
    findings
}

fn existing(directory: &Path) -> PathBuf {
    directory
        .ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(Path::new("/"))
        .to_owned()
}

fn space(place: &Path) -> Finding {
    match statvfs(place) {
        Ok(found) => Finding::DiskSpace {
            path: place.to_owned(),
            free: found.blocks_available() * found.fragment_size(),
        },
        Err(errno) => Finding::Unknown {
            what: "disk space",
            why: format!("{}: {}", place.display(), errno.desc()),
        },
    }
}

fn sync(place: PathBuf) -> Finding {
    match scratch(&place).and_then(|file| median_sync(&file)) {
        Ok(median) => Finding::DiskSync {
            path: place,
            median,
        },
        Err(error) => Finding::Unknown {
            what: "disk sync",
            why: format!("{}: {error}", place.display()),
        },
    }
}

/// A file without a name: it goes with its handle, however this process ends.
fn scratch(place: &Path) -> io::Result<File> {
    let path = place.join(format!(".chronik-dev-doctor-{}", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn median_sync(mut file: &File) -> io::Result<Duration> {
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_to_come_is_judged_by_where_it_will_be() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(existing(&root.path().join("a/b")), root.path());
        assert_eq!(existing(root.path()), root.path());
    }

    #[test]
    fn the_scratch_file_is_gone_at_once() {
        let root = tempfile::tempdir().unwrap();
        let places = [root.path().to_owned(), root.path().join("to/come")];
        let findings = examine(&places);
        let [space, sync] = &findings[..] else {
            panic!("one disk is examined once: {findings:?}");
        };
        assert!(matches!(space, Finding::DiskSpace { .. }), "{space}");
        assert!(matches!(sync, Finding::DiskSync { .. }), "{sync}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
