//! Files that a shell or a CI runner had open when it launched us.
//!
//! A cluster outlives who started it: a lock or a pipe that it kept would stay locked, or never
//! end, until the cluster is down. Our own files are all closed on exec, so whatever is not was
//! handed down.

use std::os::fd::RawFd;

use nix::fcntl::OFlag;

/// The last of the standard files.
const STANDARD: RawFd = 2;

/// Closes all but the standard ones. Where the system does not tell of them they stay.
pub(super) fn close() {
    for file in handed_down() {
        // Closed or not: nothing here knows of it.
        let _ = nix::unistd::close(file);
    }
}

fn handed_down() -> Vec<RawFd> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fdinfo") else {
        return Vec::new();
    };
    let numbers = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let beyond = numbers.filter(|file| *file > STANDARD);
    beyond.filter(|file| survives_exec(*file)).collect()
}

fn survives_exec(file: RawFd) -> bool {
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{file}")).unwrap_or_default();
    let flags = told.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| i32::from_str_radix(octal.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlag::O_CLOEXEC.bits() == 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    use super::*;

    #[test]
    fn what_survives_exec_was_handed_down() {
        let file = tempfile::tempfile().unwrap();
        assert!(!handed_down().contains(&file.as_raw_fd()));
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        assert!(handed_down().contains(&file.as_raw_fd()));
        assert!(!handed_down().contains(&STANDARD));
    }
}
