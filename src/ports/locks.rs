//! One lock file per port in one fixed per-user directory: what decides between launchers.
//!
//! The kernel drops a lock with its holder, however that ends. The files stay: unlinking a
//! lock file that another launcher has just opened would give the lock to two.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::holder::{Holder, named};

/// A lock directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else's directory, or no directory, stands at the path.
    #[error("{} is not a directory of this user with mode 0700", .0.display())]
    Foreign(PathBuf),
    /// A file system error.
    #[error("cannot use {}", path.display())]
    Io {
        /// The directory or lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The directory of lock files.
#[derive(Debug, Clone)]
pub struct PortLocks {
    directory: PathBuf,
}

/// A locked port; free again when dropped.
#[derive(Debug)]
pub(super) struct PortLock {
    _file: Flock<File>,
}

/// How an attempt to lock ended.
pub(super) enum Attempt {
    /// It is ours.
    Locked(PortLock),
    /// Another launcher has it.
    Held(Option<Holder>),
}

impl PortLocks {
    /// Opens the directory, and makes it (0700) when it is missing; its parents must exist.
    ///
    /// All launchers of a user must be given the same path.
    pub fn open(directory: &Path) -> Result<Self, LockError> {
        let made = DirBuilder::new().mode(0o700).create(directory);
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(io_error(directory, source)),
        }
        let found =
            std::fs::symlink_metadata(directory).map_err(|source| io_error(directory, source))?;
        let ours = found.uid() == nix::unistd::geteuid().as_raw();
        if !found.is_dir() || !ours || found.mode() & 0o077 != 0 {
            return Err(LockError::Foreign(directory.to_owned()));
        }
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Locks a port without waiting.
    pub(super) fn lock(&self, port: u16) -> Result<Attempt, LockError> {
        let path = self.directory.join(format!("{port}.lock"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| io_error(&path, source))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                sign(&mut file).map_err(|source| io_error(&path, source))?;
                Ok(Attempt::Locked(PortLock { _file: file }))
            }
            Err((mut file, Errno::EWOULDBLOCK)) => Ok(Attempt::Held(signer(&mut file))),
            Err((_, errno)) => Err(io_error(&path, errno.into())),
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> LockError {
    LockError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Leaves our pid for the message of a launcher that comes second; never believed for more.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "{}", std::process::id())
}

fn signer(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(20).read_to_string(&mut text).ok()?;
    named(text.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_second_to_lock_learns_who_was_first() {
        let place = tempfile::tempdir().unwrap();
        let locks = PortLocks::open(&place.path().join("ports")).unwrap();
        let Attempt::Locked(first) = locks.lock(7).unwrap() else {
            panic!("nobody else holds it")
        };
        let Attempt::Held(Some(holder)) = locks.lock(7).unwrap() else {
            panic!("it is held")
        };
        assert_eq!(holder.pid, std::process::id());
        drop(first);
        assert!(matches!(locks.lock(7).unwrap(), Attempt::Locked(_)));
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let open = place.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(PortLocks::open(&open), Err(LockError::Foreign(_))));

        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        assert!(matches!(PortLocks::open(&link), Err(LockError::Foreign(_))));
    }
}
