//! Where things are on this machine: cluster directories, control sockets, port locks.
//!
//! Plain paths, made from what the caller read from the environment. It creates the private
//! per-user directories on demand and nothing else.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::directory::{create_private, open_log};
use super::name::ClusterName;
use crate::ports::{LockError, PortLocks};
use crate::spec::defaults::MAX_SOCKET_PATH;

/// The roots under which everything of this user lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The per-user data directory (`XDG_DATA_HOME`).
    pub data_home: PathBuf,
    /// The per-user runtime directory (`XDG_RUNTIME_DIR`), where there is one.
    pub runtime: Option<PathBuf>,
    /// Where ephemeral clusters live.
    pub temp: PathBuf,
}

/// A directory that cannot be made private.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It cannot be made or read.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could read or write it.
    #[error("{} is not a directory of this user with mode 0700", .0.display())]
    Foreign(PathBuf),
    /// No socket can be bound at a path of this length.
    #[error("the socket path {} is longer than {MAX_SOCKET_PATH} bytes", .0.display())]
    TooLong(PathBuf),
}

impl Places {
    /// The directory with one entry for each cluster: its directory, or a link to it.
    pub fn clusters(&self) -> PathBuf {
        self.data_home.join("chronik-dev/clusters")
    }

    /// The log of a detached supervisor: what it says when it has nobody to tell.
    pub fn supervisor_log(&self, name: &ClusterName) -> PathBuf {
        self.supervisor_logs().join(format!("{name}.log"))
    }

    /// The directory of these logs.
    pub(super) fn supervisor_logs(&self) -> PathBuf {
        self.data_home.join("chronik-dev/supervisors")
    }

    /// Opens that log for appending.
    pub fn open_supervisor_log(&self, name: &ClusterName) -> Result<File, PlaceError> {
        let path = self.supervisor_log(name);
        let parent = path.parent().expect("a joined path has a parent");
        let opened = create_private(parent).and_then(|()| open_log(&path));
        opened.map_err(|source| PlaceError::Io { path, source })
    }

    /// The locks that decide between launchers of this user, wherever their data lies.
    pub fn port_locks() -> Result<PortLocks, LockError> {
        let fallback = fallback_runtime();
        // `PortLocks::open` judges the directory itself; this only makes its parent.
        drop(private(&fallback));
        PortLocks::open(&fallback.join("ports"))
    }

    /// The control socket of the cluster whose directory is `directory`.
    ///
    /// The directory is part of the file's name, so that equal names under different data
    /// directories do not meet.
    pub(super) fn socket(&self, name: &str, directory: &Path) -> Result<PathBuf, PlaceError> {
        let hash = crc32c::crc32c(directory.as_os_str().as_bytes());
        let file = format!("{}-{hash:08x}.sock", &name[..name.len().min(24)]);
        let roots = [
            self.runtime.as_ref().map(|root| root.join("chronik-dev")),
            None,
        ];
        let roots = roots.into_iter().flatten().chain([fallback_runtime()]);
        let mut candidates = roots.map(|root| root.join(&file));
        let path = candidates
            .find(|path| path.as_os_str().len() <= MAX_SOCKET_PATH)
            .ok_or_else(|| PlaceError::TooLong(fallback_runtime().join(&file)))?;
        private(path.parent().expect("a joined path has a parent"))?;
        Ok(path)
    }
}

/// A fixed per-user directory for when the system offers none.
fn fallback_runtime() -> PathBuf {
    PathBuf::from(format!("/tmp/chronik-dev-{}", nix::unistd::geteuid()))
}

/// Makes a directory that only this user can enter, or checks that it is one.
fn private(path: &Path) -> Result<(), PlaceError> {
    let io = |source| PlaceError::Io {
        path: path.to_owned(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
        _ => {}
    }
    let found = std::fs::symlink_metadata(path).map_err(io)?;
    let ours = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw();
    if !ours || found.mode() & 0o077 != 0 {
        return Err(PlaceError::Foreign(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(root: &Path) -> Places {
        Places {
            data_home: root.join("data"),
            runtime: Some(root.to_owned()),
            temp: root.to_owned(),
        }
    }

    #[test]
    fn equal_names_elsewhere_have_other_sockets() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let one = places.socket("dev", Path::new("/one")).unwrap();
        let two = places.socket("dev", Path::new("/two")).unwrap();
        assert_ne!(one, two);
        assert!(one.starts_with(root.path()));
    }

    #[test]
    fn a_runtime_directory_too_deep_for_a_socket_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d".repeat(100));
        let path = places(&deep).socket("dev", Path::new("/one")).unwrap();
        assert!(path.starts_with("/tmp"), "{}", path.display());
    }
}
