//! `supervise`: what `up -d` and `run` launch. Hidden: its stdin and stdout are a protocol of ours.

use super::cluster::places;
use super::context::Context;
use super::inherited;
use super::outcome::{CommandResult, Failure, Outcome};
use crate::supervisor::{ClusterEvent, Ended, Spawner, Trouble, serve_launcher, supervise};

/// Runs a supervisor for the process at the other end of stdin.
pub(super) fn run(_: &Context) -> CommandResult {
    // A session of its own: Ctrl-C in the launcher's terminal is the launcher's to handle.
    nix::unistd::setsid()
        .map_err(|errno| Failure::system("cannot leave the terminal's session", &errno.into()))?;
    inherited::close();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let launcher = serve_launcher();
    let (request, listen, gone) =
        launcher.map_err(|source| Failure::system("cannot read a request from stdin", &source))?;
    let spawner =
        Spawner::own().map_err(|source| Failure::system("cannot find myself", &source))?;
    let cluster = request.cluster.clone();
    match supervise(&places(), spawner, request, listen, gone) {
        Ok(Ended::Failed(trouble)) => Err(trouble.into()),
        Ok(Ended::Asked | Ended::Interrupted | Ended::Killed) => Ok(Outcome::printed()),
        Err(error) => {
            let trouble = error.trouble(&cluster);
            tell(trouble.clone());
            Err(trouble.into())
        }
    }
}

/// The launcher hears of a start that never began as of any other failure.
fn tell(trouble: Trouble) {
    let event = ClusterEvent::Failed { trouble };
    let line = serde_json::to_string(&event).expect("an event is plain data");
    drop(Context::raw(&line));
}
