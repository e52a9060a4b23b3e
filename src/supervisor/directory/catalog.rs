//! Every cluster of this user: found by name, listed, and swept of what the dead left behind.

use std::io;
use std::path::Path;

use super::claim::{Claim, ClaimedDir, take_existing};
use super::{ClusterDir, DirectoryError, io_error};
use crate::supervisor::name::ClusterName;
use crate::supervisor::places::Places;

/// A cluster that has an entry.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: ClusterName,
    /// Its directory.
    pub dir: ClusterDir,
}

/// The directory of a cluster; `None` when there is none of this name.
pub fn find(places: &Places, name: &ClusterName) -> Option<ClusterDir> {
    entry_at(&places.clusters().join(name.as_str()))
}

/// Every cluster of this user by name, running or stopped.
pub fn list(places: &Places) -> Result<Vec<Entry>, DirectoryError> {
    let clusters = places.clusters();
    let entries = match std::fs::read_dir(&clusters) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io_error("read", &clusters)(source)),
    };
    let mut found: Vec<Entry> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.parse().ok()?;
            let dir = entry_at(&entry.path())?;
            Some(Entry { name, dir })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn entry_at(path: &Path) -> Option<ClusterDir> {
    let path = std::fs::canonicalize(path).ok()?;
    let dir = ClusterDir { path };
    dir.is_ours().then_some(dir)
}

/// Removes ephemeral clusters whose supervisor is gone; returns their names.
pub fn sweep(places: &Places) -> Result<Vec<ClusterName>, DirectoryError> {
    let mut removed = Vec::new();
    for (name, claimed) in abandoned(places)? {
        claimed.wipe()?;
        removed.push(name);
    }
    Ok(removed)
}

/// Ephemeral clusters whose supervisor is gone, each locked while its value lives.
///
/// Such a directory is one that is marked as ours, says that it is ephemeral, and whose lock
/// nobody holds.
pub(in crate::supervisor) fn abandoned(
    places: &Places,
) -> Result<Vec<(ClusterName, ClaimedDir)>, DirectoryError> {
    let mut found = Vec::new();
    for entry in list(places)? {
        let path = places.clusters().join(entry.name.as_str());
        // A spec that cannot be read is the business of the command that needs it.
        let ephemeral = matches!(entry.dir.load_spec(), Ok(Some(spec)) if spec.ephemeral);
        if !ephemeral || !path.is_symlink() {
            continue;
        }
        if let Some(Claim::Taken(claimed)) = take_existing(places, &entry.name)? {
            found.push((entry.name, claimed));
        }
    }
    Ok(found)
}
