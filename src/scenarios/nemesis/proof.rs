//! What shows that a process is gone, stopped or well ended: the system's word, not our own.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::supervisor::NodeView;

/// Shows that a process is gone and how its node ended.
pub(super) fn gone(pid: u32, now: &NodeView) -> Result<String, String> {
    if now.pid == Some(pid) {
        return Err(format!("{} still has the process {pid}", now.name));
    }
    // Signal 0 asks and does nothing.
    match kill(Pid::from_raw(pid.cast_signed()), None) {
        Err(Errno::ESRCH) => {}
        _ => return Err(format!("a process {pid} exists")),
    }
    let exit = now.exit.as_deref().unwrap_or("running again");
    Ok(format!("{}'s process {pid} is gone: {exit}", now.name))
}

/// Shows that a process does not run, as the system says, or else as its parent saw.
pub(super) fn paused(pid: u32, now: &NodeView) -> Result<String, String> {
    let state = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => state_of(&stat).unwrap_or('?'),
        Err(_no_proc) if now.state == "paused" => 'T',
        Err(error) => return Err(format!("the state of process {pid} is not known: {error}")),
    };
    match state {
        'T' => Ok(format!("{}'s process {pid} is in state T", now.name)),
        other => Err(format!("{}'s process {pid} is in state {other}", now.name)),
    }
}

/// The state follows the name, which may hold anything, in parentheses.
fn state_of(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_behind_any_name() {
        assert_eq!(state_of("12 (a) b) T 1 2"), Some('T'));
        assert_eq!(state_of("12 (chronik-dev) S 1"), Some('S'));
        assert_eq!(state_of("nothing"), None);
    }
}
