//! The limit of open files, raised as far as a user may. Children inherit it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What macOS grants where it calls its hard limit infinite (`OPEN_MAX`).
const GRANTED: u64 = 10_240;

/// Raises the soft limit to the hard one.
///
/// Where that is refused, small clusters run all the same, and `doctor` says what is needed.
pub(super) fn raise() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    for limit in [hard, hard.min(GRANTED)] {
        if soft < limit && setrlimit(Resource::RLIMIT_NOFILE, limit, hard).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_and_the_hard_one_stays() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        raise();
        let after = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(after.1, before.1);
        assert!(after.0 >= before.0.max(before.1.min(GRANTED)));
    }
}
