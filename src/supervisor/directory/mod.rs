//! The directory of a cluster: its marker, its spec, its nodes' directories.
//!
//! ```text
//! CLUSTER/.chronik-dev     the marker: only directories that carry it are ever deleted
//! CLUSTER/cluster.json     the sealed ClusterSpec
//! CLUSTER/formed           exists once all nodes were linked and ready
//! CLUSTER/node-1/          node.json (sealed NodeSpec), node.log, data/
//! ```
//! Directories are 0700 and files 0600. State files are written beside, synced, renamed, and
//! their directory synced. A damaged one is set aside as `.bad` and named, never guessed.

mod catalog;
mod claim;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::spec::{ClusterSpec, NodeId, NodeSpec, SealError, seal, unseal};

pub(super) use catalog::abandoned;
pub use catalog::{Entry, find, list, sweep};
pub(super) use claim::{Claim, ClaimedDir, claim, spec_in, take_existing};

const MARKER: &str = ".chronik-dev";
const SPEC: &str = "cluster.json";
const FORMED: &str = "formed";

/// Why a cluster's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file system error.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried: "create", "lock".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It exists, has content, and is not ours.
    #[error("{} is not empty and not a directory of chronik-dev", .0.display())]
    NotOurs(PathBuf),
    /// The name belongs to a cluster in another directory.
    #[error("a cluster of this name lives in {}", .0.display())]
    Elsewhere(PathBuf),
    /// A state file is damaged.
    #[error("{} cannot be believed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SealError,
    },
    /// A state file was damaged, and was set aside.
    #[error("{} cannot be believed and was set aside as {}", path.display(), aside.display())]
    SetAside {
        /// The file.
        path: PathBuf,
        /// Where it is now.
        aside: PathBuf,
        /// What is wrong with it.
        source: SealError,
    },
    /// A later version wrote the state file; it was left alone.
    #[error("{} was written by another version", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Both versions.
        source: SealError,
    },
    /// Nodes have data here, and the file that describes them is gone.
    #[error("{} has nodes' data and no {SPEC}", .0.display())]
    Headless(PathBuf),
    /// Content cannot be sealed: a bug of ours.
    #[error("cannot seal {}", path.display())]
    Seal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
}

/// The directory of a cluster, by its canonical path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDir {
    path: PathBuf,
}

impl ClusterDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The sealed spec.
    pub fn spec_file(&self) -> PathBuf {
        self.path.join(SPEC)
    }

    /// The directory of a node.
    pub fn node(&self, node: NodeId) -> PathBuf {
        self.path.join(node.to_string())
    }

    /// The log of a node.
    pub fn node_log(&self, node: NodeId) -> PathBuf {
        self.node(node).join("node.log")
    }

    /// The spec file of a node.
    pub fn node_spec(&self, node: NodeId) -> PathBuf {
        self.node(node).join("node.json")
    }

    /// The data directory of a node.
    pub fn node_data(&self, node: NodeId) -> PathBuf {
        self.node(node).join("data")
    }

    /// Whether it carries our marker.
    pub fn is_ours(&self) -> bool {
        self.path.join(MARKER).is_file()
    }

    /// Whether a living supervisor holds it.
    pub fn is_locked(&self) -> bool {
        claim::is_locked(&self.path)
    }

    /// Whether the cluster has been ready once.
    pub fn formed(&self) -> bool {
        self.path.join(FORMED).exists()
    }

    /// Notes that the cluster has been ready once.
    pub(super) fn set_formed(&self) -> Result<(), DirectoryError> {
        let path = self.path.join(FORMED);
        create_file(&path)
            .map(drop)
            .map_err(io_error("create", &path))
    }

    /// The stored spec; `None` when there is none.
    pub fn load_spec(&self) -> Result<Option<ClusterSpec>, DirectoryError> {
        let path = self.spec_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) if source.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        match unseal(&text) {
            Ok(spec) => Ok(Some(spec)),
            Err(source @ SealError::Version { .. }) => {
                Err(DirectoryError::Version { path, source })
            }
            Err(source) => Err(DirectoryError::Damaged { path, source }),
        }
    }

    /// The same for the holder of the lock, who sets a damaged spec aside.
    pub(super) fn load_or_set_aside(&self) -> Result<Option<ClusterSpec>, DirectoryError> {
        match self.load_spec() {
            Err(DirectoryError::Damaged { path, source }) => Err(set_aside(path, source)),
            other => other,
        }
    }

    /// Stores the spec, durably and all or nothing.
    pub(super) fn save_spec(&self, spec: &ClusterSpec) -> Result<(), DirectoryError> {
        let path = self.spec_file();
        let text = sealed(&path, spec)?;
        write_atomic(&path, text.as_bytes()).map_err(io_error("write", &path))
    }

    /// Makes the directory of a node and writes its spec file; returns the file.
    ///
    /// It is written anew at each start, so it is not synced.
    pub(super) fn write_node_spec(&self, spec: &NodeSpec) -> Result<PathBuf, DirectoryError> {
        let directory = self.node(spec.node);
        create_private(&directory).map_err(io_error("create", &directory))?;
        create_private(&spec.data_dir).map_err(io_error("create", &spec.data_dir))?;
        let path = self.node_spec(spec.node);
        let text = sealed(&path, spec)?;
        let written = create_file(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(io_error("write", &path))?;
        Ok(path)
    }

    /// Opens the log of a node for appending.
    pub(super) fn open_node_log(&self, node: NodeId) -> Result<File, DirectoryError> {
        let path = self.node_log(node);
        open_log(&path).map_err(io_error("open", &path))
    }

    fn has_node_data(&self) -> bool {
        self.node(NodeId(1)).exists()
    }
}

fn sealed<T: serde::Serialize>(path: &Path, content: &T) -> Result<String, DirectoryError> {
    seal(content).map_err(|source| DirectoryError::Seal {
        path: path.to_owned(),
        source,
    })
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Io {
        doing,
        path,
        source,
    }
}

/// Renames a damaged file to the first free `.bad` name.
fn set_aside(path: PathBuf, source: SealError) -> DirectoryError {
    let names = std::iter::once(String::from("bad")).chain((1..).map(|n| format!("bad{n}")));
    let aside = names
        .map(|extension| path.with_added_extension(extension))
        .find(|candidate| !candidate.exists())
        .expect("the counter does not end");
    match std::fs::rename(&path, &aside) {
        Ok(()) => DirectoryError::SetAside {
            path,
            aside,
            source,
        },
        Err(error) => io_error("set aside", &path)(error),
    }
}

/// Makes a directory and its missing parents, 0700 each; an existing one is left as it is.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

pub(super) fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut file = create_file(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let parent = path.parent().expect("a state file lies in a directory");
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests;
