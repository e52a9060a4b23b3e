//! Fault points of the disk seam: fail, delay, forget a sync, or let the power go.
//!
//! Compiled away in a release. A test passes a [`Plan`]; a node process built with
//! `planted-bugs` reads one from a file named `faults` in its storage directory, so that the same
//! faults are there for a cluster of real processes. One line each:
//!
//! ```text
//! forget wal|segments|states|directories    these syncs answer without being done
//! die-at 117                                from this operation on the disk is gone
//! fail sync 3 EIO                           the third sync (or write, or name) fails, once
//! delay sync 20                             every sync takes 20 ms longer
//! ```

use std::io;

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::storage) enum Action {
    /// Bytes or a length.
    Write,
    /// A sync of a file or a directory.
    Sync,
    /// Making, renaming or removing a name.
    Name,
}

#[cfg(any(test, feature = "planted-bugs"))]
pub(in crate::node::storage) use planted::Faults;
#[cfg(test)]
pub(in crate::node::storage) use planted::{Forgotten, Plan};
#[cfg(not(any(test, feature = "planted-bugs")))]
pub(in crate::node::storage) use sound::Faults;

#[cfg(not(any(test, feature = "planted-bugs")))]
mod sound {
    use super::{Action, io};

    /// No faults.
    #[derive(Default)]
    pub(in crate::node::storage) struct Faults;

    impl Faults {
        /// No faults, whatever the directory holds.
        pub(in crate::node::storage) fn of_directory(_root: &std::path::Path) -> Self {
            Self
        }

        /// Nothing fails.
        #[expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "the planted twin"
        )]
        pub(in crate::node::storage) fn before(&self, _: Action, _: &str) -> io::Result<()> {
            Ok(())
        }

        /// No sync is forgotten.
        #[expect(clippy::unused_self, reason = "the planted twin")]
        pub(in crate::node::storage) fn forgets(&self, _: &str) -> bool {
            false
        }

        /// No sync is forgotten.
        #[expect(clippy::unused_self, reason = "the planted twin")]
        pub(in crate::node::storage) fn forgets_directories(&self) -> bool {
            false
        }
    }
}

#[cfg(any(test, feature = "planted-bugs"))]
mod planted {
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::{Action, io};

    /// Syncs that are left out.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in crate::node::storage) enum Forgotten {
        /// Of write-ahead log files.
        Wal,
        /// Of segments and their rows.
        Segments,
        /// Of checkpoints and states.
        States,
        /// Of directories.
        Directories,
    }

    /// What is to go wrong.
    #[derive(Debug, Clone, Default)]
    pub(in crate::node::storage) struct Plan {
        /// Syncs that are left out.
        pub(in crate::node::storage) forget: Option<Forgotten>,
        /// From this operation on everything fails: the power is gone.
        pub(in crate::node::storage) die_at: Option<u64>,
        /// The n-th action of a kind fails with an errno, once.
        pub(in crate::node::storage) fail: Option<(Action, u64, i32)>,
        /// Every action of a kind takes longer.
        pub(in crate::node::storage) delay: Option<(Action, Duration)>,
    }

    /// A plan and how far it has come.
    #[derive(Default)]
    pub(in crate::node::storage) struct Faults {
        plan: Plan,
        seen: Mutex<Seen>,
    }

    #[derive(Default)]
    struct Seen {
        all: u64,
        matching: u64,
    }

    impl Faults {
        /// The plan in the file `faults` of a storage directory; none when there is no such
        /// file. A line that is no fault is skipped.
        pub(in crate::node::storage) fn of_directory(root: &Path) -> Self {
            let text = std::fs::read_to_string(root.join("faults")).unwrap_or_default();
            Self::planned(Plan::parse(&text))
        }

        /// Faults that follow `plan`.
        pub(in crate::node::storage) fn planned(plan: Plan) -> Self {
            Self {
                plan,
                seen: Mutex::default(),
            }
        }

        /// Called before each operation: fails it, delays it, or lets it pass.
        pub(in crate::node::storage) fn before(&self, what: Action, path: &str) -> io::Result<()> {
            if let Some((delayed, by)) = self.plan.delay
                && delayed == what
            {
                std::thread::park_timeout(by);
            }
            let mut seen = self.seen.lock().expect("no thread panics while it counts");
            seen.all += 1;
            if self.plan.die_at.is_some_and(|at| seen.all >= at) {
                return Err(io::Error::other(format!("{path}: the power is gone")));
            }
            let Some((action, at, errno)) = self.plan.fail else {
                return Ok(());
            };
            seen.matching += u64::from(action == what);
            if action == what && seen.matching == at {
                return Err(io::Error::from_raw_os_error(errno));
            }
            Ok(())
        }

        /// Whether the sync of this file is left out.
        pub(in crate::node::storage) fn forgets(&self, path: &str) -> bool {
            let class = if path.starts_with("wal/") {
                Forgotten::Wal
            } else if path
                .rsplit_once('.')
                .is_some_and(|(_, end)| matches!(end, "log" | "idx"))
            {
                Forgotten::Segments
            } else {
                Forgotten::States
            };
            self.plan.forget == Some(class)
        }

        /// Whether syncs of directories are left out.
        pub(in crate::node::storage) fn forgets_directories(&self) -> bool {
            self.plan.forget == Some(Forgotten::Directories)
        }
    }

    impl Plan {
        fn parse(text: &str) -> Self {
            let mut plan = Self::default();
            for line in text.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                plan.take(&words);
            }
            plan
        }

        fn take(&mut self, words: &[&str]) {
            match *words {
                ["forget", what] => self.forget = forgotten(what),
                ["die-at", at] => self.die_at = at.parse().ok(),
                ["fail", what, at, errno] => self.fail = failure(what, at, errno),
                ["delay", what, ms] => {
                    let by = ms.parse().map(Duration::from_millis).ok();
                    self.delay = action(what).zip(by);
                }
                _ => {}
            }
        }
    }

    fn forgotten(word: &str) -> Option<Forgotten> {
        match word {
            "wal" => Some(Forgotten::Wal),
            "segments" => Some(Forgotten::Segments),
            "states" => Some(Forgotten::States),
            "directories" => Some(Forgotten::Directories),
            _ => None,
        }
    }

    fn failure(what: &str, at: &str, errno: &str) -> Option<(Action, u64, i32)> {
        let errno = match errno {
            "EIO" => nix::errno::Errno::EIO,
            "ENOSPC" => nix::errno::Errno::ENOSPC,
            _ => return None,
        };
        Some((action(what)?, at.parse().ok()?, errno as i32))
    }

    fn action(word: &str) -> Option<Action> {
        match word {
            "write" => Some(Action::Write),
            "sync" => Some(Action::Sync),
            "name" => Some(Action::Name),
            _ => None,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_plan_is_read_line_by_line() {
            let plan =
                Plan::parse("forget wal\nnonsense\ndie-at 7\nfail sync 3 ENOSPC\ndelay write 5");
            assert_eq!(plan.forget, Some(Forgotten::Wal));
            assert_eq!(plan.die_at, Some(7));
            assert_eq!(plan.fail, Some((Action::Sync, 3, nix::libc::ENOSPC)));
            assert_eq!(plan.delay, Some((Action::Write, Duration::from_millis(5))));
        }
    }
}
