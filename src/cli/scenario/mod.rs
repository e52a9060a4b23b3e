//! `scenario`: breaks a cluster on purpose, and proves with numbers what survived.

mod arguments;
mod bar;
mod drive;
mod findings;

use serde_json::json;

use super::cluster::places;
use super::context::Context;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::Style;
use crate::client::{bootstrap, disk};
use crate::scenarios::catalogue::Scenario;
use crate::scenarios::runner::{Plan, Target};
use crate::supervisor::sweep;

pub(super) use arguments::Args;

/// Runs `scenario`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    if args.list {
        return Ok(list(context.stdout));
    }
    let chosen = args.chosen()?;
    let settings = args.settings()?;
    args.check_outputs()?;
    // What a killed run left behind is in nobody's way: failing to remove it is no failure.
    drop(sweep(&places()));
    // A foreign cluster's disk is not ours to see.
    let sync_p50 = match args.bootstrap {
        None => disk::sync_p50(&places().temp).ok(),
        Some(_) => None,
    };
    context.block_on(async {
        let plan = Plan {
            target: target(args).await?,
            sync_p50,
            places: places(),
            settings,
            messages: args.messages,
            size: args.size as usize,
            seed: args
                .seed
                .unwrap_or_else(|| u64::from(rand::random::<u32>())),
            repeat: String::new(),
            keep: None,
        };
        drive::drive(context, args, plan, chosen).await
    })
}

async fn target(args: &Args) -> Result<Target, Failure> {
    if let Some(name) = &args.cluster {
        return Ok(Target::Named(name.clone()));
    }
    let Some(list) = &args.bootstrap else {
        return Ok(Target::Fresh(args.nodes));
    };
    let addrs = bootstrap::parse(list).await;
    let addrs = addrs.map_err(|error| Failure::usage(format!("--bootstrap: {error}")))?;
    Ok(Target::Foreign(addrs))
}

/// All scenarios, with what happens in each.
fn list(style: Style) -> Outcome {
    let rows = Scenario::ALL.into_iter().enumerate();
    let rows = rows.map(|(place, scenario)| {
        let all = if place < Scenario::USUAL {
            "all"
        } else {
            "extended"
        };
        (scenario, all)
    });
    let data: Vec<_> = rows
        .clone()
        .map(|(scenario, all)| {
            json!({
                "name": scenario.name(),
                "what": scenario.words(),
                "in": all,
                "needs_faults": scenario.breaks(),
            })
        })
        .collect();
    let lines = rows.map(|(scenario, all)| {
        let name = format!("{:<22}", scenario.name());
        let all = format!("{all:<9}");
        format!(
            "{} {} {}",
            style.cyan(&name),
            style.dim(&all),
            scenario.words()
        )
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Outcome::new(json!(data)).with_text(text)
}

/// The exit code: the first that applies of 130, 70, 1, 7, 0; 70 is a failure of its own.
fn exit(interrupted: bool, failed: usize, unknown: usize) -> Exit {
    match (interrupted, failed, unknown) {
        (true, _, _) => Exit::Interrupted,
        (false, 1.., _) => Exit::Failed,
        (false, 0, 1..) => Exit::Inconclusive,
        (false, 0, 0) => Exit::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_exit_code_that_applies_is_taken() {
        let code = |interrupted, failed, unknown| exit(interrupted, failed, unknown).code();
        assert_eq!(code(true, 1, 1), 130);
        assert_eq!(code(false, 1, 1), 1);
        assert_eq!(code(false, 0, 1), 7);
        assert_eq!(code(false, 0, 0), 0);
    }
}
