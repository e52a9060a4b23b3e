//! Whose data directory this is: one cluster's, one node's, one process's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::start::Failure;
use crate::spec::{ClusterId, NodeId, NodeSpec, seal, unseal};

const IDENTITY: &str = "node.json";
const BIRTH: &str = "birth.json";
const LOCK: &str = "lock";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    cluster_id: ClusterId,
    node: NodeId,
}

/// Since when this disk knows what it holds: the metadata index up to which topics may have had
/// records here that a lost disk took along. 0 for a disk that was there at first formation.
#[derive(Debug, Clone)]
pub(in crate::node) struct Births {
    dir: PathBuf,
    born_at: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Birth {
    born_at: u64,
}

impl Births {
    /// What the data directory says.
    pub(in crate::node) fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(BIRTH);
        let born_at = match fs::read_to_string(&path) {
            Ok(text) => unseal::<Birth>(&text)
                .map(|birth| birth.born_at)
                .map_err(|error| {
                    Failure::precondition(format!("{} cannot be believed: {error}", path.display()))
                })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => {
                return Err(Failure::io(
                    &format!("cannot read {}", path.display()),
                    &error,
                ));
            }
        };
        Ok(Self {
            dir: dir.to_owned(),
            born_at: Arc::new(AtomicU64::new(born_at)),
        })
    }

    /// The metadata index after which this disk missed nothing.
    pub(in crate::node) fn born_at(&self) -> u64 {
        self.born_at.load(Ordering::Acquire)
    }

    /// This disk joined a cluster that was formed before; durable when it returns.
    pub(in crate::node) fn joined_late(&self, until: u64) -> std::io::Result<()> {
        let text = seal(&Birth { born_at: until }).map_err(std::io::Error::other)?;
        write_synced(&self.dir, BIRTH, &text)?;
        self.born_at.store(until, Ordering::Release);
        Ok(())
    }
}

/// The hold on a data directory; given back when it is dropped.
#[derive(Debug)]
pub(in crate::node) struct Hold {
    _lock: Flock<File>,
}

/// Takes the data directory for this node, or says whose it is.
pub(in crate::node) fn take(spec: &NodeSpec) -> Result<Hold, Failure> {
    let dir = &spec.data_dir;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| Failure::io(&format!("cannot make {}", dir.display()), &error))?;
    let lock = lock(dir)?;
    let wanted = Identity {
        cluster_id: spec.cluster_id,
        node: spec.node,
    };
    let path = dir.join(IDENTITY);
    match fs::read_to_string(&path) {
        Ok(text) => check(&path, &text, wanted)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write(dir, &path, wanted)?,
        Err(error) => {
            return Err(Failure::io(
                &format!("cannot read {}", path.display()),
                &error,
            ));
        }
    }
    Ok(Hold { _lock: lock })
}

fn lock(dir: &Path) -> Result<Flock<File>, Failure> {
    let path = dir.join(LOCK);
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let file =
        file.map_err(|error| Failure::io(&format!("cannot open {}", path.display()), &error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        Failure::precondition(format!(
            "{} is held by another process ({errno}): a node runs there already",
            dir.display()
        ))
    })
}

fn check(path: &Path, text: &str, wanted: Identity) -> Result<(), Failure> {
    let found: Identity = unseal(text).map_err(|error| {
        Failure::precondition(format!("{} cannot be believed: {error}", path.display()))
    })?;
    if found == wanted {
        return Ok(());
    }
    let mut failure = Failure::precondition(format!(
        "{} belongs to {} of cluster {}, and this is {} of cluster {}",
        path.display(),
        found.node,
        found.cluster_id,
        wanted.node,
        wanted.cluster_id
    ));
    failure.hint = Some("give the node its own data directory, or move this one away".to_owned());
    Err(failure)
}

/// Written once, synced with its directory before anything else is stored.
fn write(dir: &Path, path: &Path, identity: Identity) -> Result<(), Failure> {
    let text = seal(&identity).map_err(|error| Failure::precondition(error.to_string()))?;
    let written = write_synced(dir, IDENTITY, &text);
    written.map_err(|error| Failure::io(&format!("cannot write {}", path.display()), &error))
}

fn write_synced(dir: &Path, name: &str, text: &str) -> std::io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Ports, Settings};

    fn spec(dir: &Path, node: u64, cluster_id: ClusterId) -> NodeSpec {
        NodeSpec {
            cluster_name: "test".to_owned(),
            cluster_id,
            secret: String::new(),
            node: NodeId(node),
            parent_pid: None,
            ports: Ports {
                kafka: 1,
                raft: 2,
                metrics: 3,
                search: None,
            },
            peers: Vec::new(),
            data_dir: dir.to_owned(),
            settings: Settings::default(),
        }
    }

    #[test]
    fn a_directory_is_one_process_s_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let spec = spec(dir.path(), 1, ClusterId::random());
        let hold = take(&spec).unwrap();
        assert!(
            take(&spec)
                .unwrap_err()
                .what
                .contains("held by another process")
        );
        drop(hold);
        take(&spec).unwrap();
    }

    #[test]
    fn another_cluster_s_directory_is_refused_with_both_ids() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (ClusterId::random(), ClusterId::random());
        drop(take(&spec(dir.path(), 1, one)).unwrap());
        let refused = take(&spec(dir.path(), 1, other)).unwrap_err().what;
        assert!(refused.contains(&one.to_string()) && refused.contains(&other.to_string()));
        assert!(take(&spec(dir.path(), 2, one)).is_err());
    }

    #[test]
    fn a_late_birth_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let births = Births::read(dir.path()).unwrap();
        assert_eq!(births.born_at(), 0);
        births.joined_late(42).unwrap();
        assert_eq!(births.born_at(), 42);
        assert_eq!(Births::read(dir.path()).unwrap().born_at(), 42);
        fs::write(dir.path().join(BIRTH), "{").unwrap();
        assert!(Births::read(dir.path()).is_err());
    }

    #[test]
    fn a_damaged_identity_is_not_guessed() {
        let dir = tempfile::tempdir().unwrap();
        let spec = spec(dir.path(), 1, ClusterId::random());
        drop(take(&spec).unwrap());
        fs::write(dir.path().join(IDENTITY), "{}").unwrap();
        assert!(take(&spec).unwrap_err().what.contains("cannot be believed"));
    }
}
