//! `verify HISTORY`: judges a recorded history again, offline.

use std::fs::File;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::context::Context;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render;
use crate::scenarios::history::{History, read_history};
use crate::scenarios::judge::{Judgement, LawResult, LawVerdict, Verdict, judge};
use crate::supervisor::escape;

/// What `verify` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev verify report/history.jsonl",
    after_long_help = "A history is what `scenario --report DIR` leaves in DIR. The verdict is the one that \
the scenario had.\n\n\
Exit codes:\n  0  every law held\n  1  a law was broken\n  2  usage\n  5  the file is missing, or is no history\n  \
7  the history holds too little to judge\n\n\
Example:\n  chronik-dev verify report/history.jsonl --json"
)]
pub(super) struct Args {
    /// The history, a file of JSON lines
    #[arg(value_name = "HISTORY")]
    history: PathBuf,
}

/// Reads a history, judges it, and says what was found.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let history = load(args)?;
    let judgement = judge(&history);
    let text = render::judgement::text(&history.header, &judgement, context.stdout);
    let outcome = Outcome::new(json(&history, &judgement)).with_text(text);
    Ok(match error(&history, &judgement) {
        Some(failure) => outcome.with_error(failure),
        None => outcome,
    })
}

/// Why a history did not pass.
fn error(history: &History, judgement: &Judgement) -> Option<Failure> {
    let (exit, code) = match judgement.verdict {
        Verdict::Passed => return None,
        Verdict::Failed => (Exit::Failed, "LAW_BROKEN"),
        Verdict::Unknown => (Exit::Inconclusive, "INCONCLUSIVE"),
    };
    let of = |result| {
        let laws = judgement.laws.iter();
        let laws = laws.filter(move |verdict: &&LawVerdict| verdict.result == result);
        laws.map(|verdict| verdict.law.name()).collect::<Vec<_>>()
    };
    let details = json!({"broken": of(LawResult::Failed), "unknown": of(LawResult::Unknown)});
    let message = judgement.reasons.join("\n");
    let failure = Failure::new(exit, code, message).with_details(details);
    Some(failure.hint(format!("repeat it: {}", history.header.repeat)))
}

fn load(args: &Args) -> Result<History, Failure> {
    let name = escape(&args.history.display().to_string());
    let file = File::open(&args.history).map_err(|source| {
        let message = format!("cannot open the history {name}: {source}");
        Failure::new(Exit::Precondition, "NO_HISTORY", message)
            .hint("chronik-dev scenario NAME --report DIR writes one as DIR/history.jsonl")
    })?;
    read_history(file).map_err(|error| {
        let message = format!("{name} is no history");
        Failure::new(Exit::Precondition, "BAD_HISTORY", message)
            .fact(format!("caused by: {}", escape(&error.to_string())))
            .hint("chronik-dev scenario NAME --report DIR writes one as DIR/history.jsonl")
    })
}

/// The envelope's data.
fn json(history: &History, judgement: &Judgement) -> Value {
    let laws: Vec<Value> = judgement.laws.iter().map(law).collect();
    let anomalies: Vec<_> = judgement.anomalies().collect();
    json!({
        "scenario": history.header.scenario,
        "seed": history.header.seed,
        "target": history.header.target,
        "verdict": judgement.verdict,
        "reasons": judgement.reasons,
        "laws": laws,
        "counts": judgement.counts,
        "anomalies": anomalies,
    })
}

fn law(verdict: &LawVerdict) -> Value {
    json!({
        "law": verdict.law,
        "result": verdict.result,
        "examined": verdict.examined,
        "broken": verdict.broken,
        "remarks": verdict.remarks,
    })
}
