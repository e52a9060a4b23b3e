//! `kill`, `stop`, `start`, `restart`, `pause`, `resume`: one verb each, the same words.

use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use super::cluster::ClusterArgs;
use super::context::Context;
use super::duration::lasting;
use super::outcome::{CommandResult, Outcome};
use crate::supervisor::{Acted, Action, Selector, Verb};

/// What stands below the options in a verb's help.
pub(super) struct Help {
    /// An example.
    pub(super) short: &'static str,
    /// What SEL is, the exit codes, an example.
    pub(super) long: &'static str,
}

/// The help of a verb: the same for all six but for the example.
macro_rules! help {
    ($example:literal) => {
        Help {
            short: concat!("Example:\n  chronik-dev ", $example),
            long: concat!(
                "\
SEL: 2 or node-2, 1,3, leader, leader:TOPIC/PARTITION, follower, any, minority, majority, all

Exit codes:
  0  done
  2  no such node
  3  not as asked in time
  4  a node died while starting
  5  SEL names nobody here, or a node that must be resumed first
  6  no such cluster, or not running

Example:
  chronik-dev ",
                $example
            ),
        }
    };
}

pub(super) const KILL: Help = help!("kill leader:orders/0 --for 10s");
pub(super) const STOP: Help = help!("stop leader");
pub(super) const START: Help = help!("start all");
pub(super) const RESTART: Help = help!("restart all");
pub(super) const PAUSE: Help = help!("pause follower --for 10s");
pub(super) const RESUME: Help = help!("resume all");

/// What `stop`, `pause` take.
#[derive(Debug, clap::Args)]
pub(super) struct TimedArgs {
    /// Which nodes
    #[arg(value_name = "SEL")]
    select: Selector,
    /// Undo it after this long
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    lasting: Option<Duration>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What `kill` takes.
#[derive(Debug, clap::Args)]
pub(super) struct KillArgs {
    #[command(flatten)]
    timed: TimedArgs,
    /// The signal, by number or name, instead of SIGKILL
    #[arg(long, value_name = "N", value_parser = signal)]
    signal: Option<i32>,
}

/// What `start`, `restart` and `resume` take.
#[derive(Debug, clap::Args)]
pub(super) struct PlainArgs {
    /// Which nodes
    #[arg(value_name = "SEL")]
    select: Selector,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// `9`, `SIGKILL` or `KILL`.
fn signal(text: &str) -> Result<i32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let upper = text.to_uppercase();
    let name = if upper.starts_with("SIG") {
        upper
    } else {
        format!("SIG{upper}")
    };
    let signal = Signal::from_str(&name).map_err(|_| format!("there is no signal {text:?}"))?;
    Ok(signal as i32)
}

/// Runs `kill`.
pub(super) fn kill(context: &Context, args: &KillArgs) -> CommandResult {
    let action = Action {
        signal: args.signal,
        ..timed(Verb::Kill, &args.timed)
    };
    act(context, &args.timed.cluster, action)
}

/// Runs `stop` or `pause`.
pub(super) fn for_a_while(context: &Context, verb: Verb, args: &TimedArgs) -> CommandResult {
    act(context, &args.cluster, timed(verb, args))
}

/// Runs `start`, `restart` or `resume`.
pub(super) fn plainly(context: &Context, verb: Verb, args: &PlainArgs) -> CommandResult {
    let action = Action {
        verb,
        select: args.select.clone(),
        lasting: None,
        signal: None,
    };
    act(context, &args.cluster, action)
}

fn timed(verb: Verb, args: &TimedArgs) -> Action {
    Action {
        verb,
        select: args.select.clone(),
        lasting: args.lasting,
        signal: None,
    }
}

fn act(context: &Context, cluster: &ClusterArgs, action: Action) -> CommandResult {
    let verb = action.verb;
    context.block_on(async {
        let acted = cluster.connect().await?.act(action).await?;
        let text = text(verb, &acted);
        let data = json!({
            "nodes": acted.nodes,
            "took_ms": acted.took_ms,
            "old_leader": acted.old_leader,
            "new_leader": acted.new_leader,
            "election_ms": acted.election_ms,
        });
        Ok(Outcome::new(data)
            .with_text(text)
            .with_warnings(acted.warnings))
    })
}

/// The command's word for it.
pub(super) fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Kill => "kill",
        Verb::Stop => "stop",
        Verb::Start => "start",
        Verb::Restart => "restart",
        Verb::Pause => "pause",
        Verb::Resume => "resume",
    }
}

fn past(verb: Verb) -> &'static str {
    match verb {
        Verb::Kill => "killed",
        Verb::Stop => "stopped",
        Verb::Start => "started",
        Verb::Restart => "restarted",
        Verb::Pause => "paused",
        Verb::Resume => "resumed",
    }
}

/// What was done, in a line.
pub(super) fn text(verb: Verb, acted: &Acted) -> String {
    if acted.nodes.is_empty() {
        return format!("nothing to {}", word(verb));
    }
    let names: Vec<String> = acted.nodes.iter().map(ToString::to_string).collect();
    let (past, names) = (past(verb), names.join(", "));
    let leader = match (&acted.old_leader, &acted.new_leader, acted.election_ms) {
        (Some(old), Some(new), Some(ms)) => format!("; leader {old} -> {new} in {ms:.1} ms"),
        _ => String::new(),
    };
    format!("{past} {names} in {:.1} ms{leader}", acted.took_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_numbers_and_names() {
        assert_eq!(signal("9"), Ok(9));
        assert_eq!(signal("SIGTERM"), Ok(15));
        assert_eq!(signal("term"), Ok(15));
        assert!(signal("nope").is_err());
    }

    #[test]
    fn an_election_is_told_in_one_line() {
        let acted = Acted {
            nodes: vec![crate::spec::NodeId(1)],
            took_ms: 3.25,
            old_leader: Some("node-1".into()),
            new_leader: Some("node-2".into()),
            election_ms: Some(31.0),
            warnings: Vec::new(),
        };
        assert_eq!(
            text(Verb::Kill, &acted),
            "killed node-1 in 3.2 ms; leader node-1 -> node-2 in 31.0 ms"
        );
        let idle = Acted {
            nodes: Vec::new(),
            ..acted
        };
        assert_eq!(text(Verb::Resume, &idle), "nothing to resume");
    }
}
