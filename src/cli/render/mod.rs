//! Text and envelopes: the one place where results become output.

pub(super) mod clock;
mod document;
pub(super) mod hits;
pub(super) mod judgement;
pub(super) mod metrics;
pub(super) mod progress;
mod style;
pub(super) mod summary;
mod table;
pub(super) mod tables;
pub(super) mod usage;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::context::{Context, Format};
use super::outcome::{CommandResult, Failure, Outcome, Printed};

pub(super) use style::{ColorChoice, Style, Tone};
pub(super) use table::Table;

/// The envelope's format version.
const SCHEMA_VERSION: u32 = 1;

/// `1 node`, `3 nodes`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Plain data as JSON.
pub(super) fn to_json<T: Serialize>(data: &T) -> Value {
    serde_json::to_value(data).expect("plain data has a JSON form")
}

/// Plain data as JSON text.
pub(super) fn to_raw<T: Serialize>(data: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(data).expect("plain data has a JSON form")
}

/// Prints how a command ended and returns the exit code.
pub(super) fn conclude(context: &Context, result: CommandResult) -> u8 {
    match result {
        Ok(outcome) => succeed(context, &outcome),
        Err(failure) => fail(context, &failure),
    }
}

fn succeed(context: &Context, outcome: &Outcome) -> u8 {
    if outcome.printed == Printed::Already {
        return outcome.exit.code();
    }
    let printed = match context.format {
        Format::Json => Context::raw(&envelope(context.command, outcome)),
        Format::Text => {
            for warning in &outcome.warnings {
                context.warn(format!("{} {warning}", context.stderr.yellow("warning:")));
            }
            if outcome.text.is_empty() {
                Ok(())
            } else {
                Context::raw(&outcome.text)
            }
        }
    };
    match printed {
        Ok(()) => outcome.exit.code(),
        // What was done stays done; whoever reads the data must know that it is not all there.
        Err(failure) if failure.code == Failure::STDOUT_CLOSED => outcome.exit.code(),
        Err(failure) => {
            context.warn(text_of(&failure, context.stderr));
            failure.exit.code()
        }
    }
}

fn fail(context: &Context, failure: &Failure) -> u8 {
    if failure.code == Failure::STDOUT_CLOSED {
        return failure.exit.code();
    }
    match context.format {
        Format::Json => drop(Context::raw(&envelope_of(context.command, failure))),
        Format::Text => context.warn(text_of(failure, context.stderr)),
    }
    failure.exit.code()
}

/// The envelope of a command that did what it was asked, be it to find something wrong.
pub(super) fn envelope(command: &str, outcome: &Outcome) -> String {
    let error = outcome.error.as_deref();
    let envelope = Envelope {
        command,
        data: outcome
            .exact
            .clone()
            .unwrap_or_else(|| to_raw(&outcome.data)),
        error: error.map(error_of),
        schema_version: SCHEMA_VERSION,
        status: if error.is_some() { "error" } else { "ok" },
        warnings: &outcome.warnings,
    };
    to_raw(&envelope).get().to_owned()
}

fn envelope_of(command: &str, failure: &Failure) -> String {
    let envelope = Envelope {
        command,
        data: to_raw(&failure.data),
        error: Some(error_of(failure)),
        schema_version: SCHEMA_VERSION,
        status: "error",
        warnings: &[],
    };
    to_raw(&envelope).get().to_owned()
}

/// The one form of every result for programs.
#[derive(Serialize)]
struct Envelope<'a> {
    command: &'a str,
    data: Box<RawValue>,
    error: Option<Value>,
    schema_version: u32,
    status: &'a str,
    warnings: &'a [String],
}

fn error_of(failure: &Failure) -> Value {
    let message = std::iter::once(&failure.message).chain(&failure.facts);
    json!({
        "code": failure.code,
        "message": message.cloned().collect::<Vec<_>>().join("\n"),
        "hints": failure.hints,
        "details": failure.details,
    })
}

/// `error: ...`, the facts indented below, `hint: ...` last.
fn text_of(failure: &Failure, style: Style) -> String {
    let mut lines = vec![format!("{} {}", style.red("error:"), failure.message)];
    lines.extend(failure.facts.iter().map(|fact| format!("  {fact}")));
    lines.extend(
        failure
            .hints
            .iter()
            .map(|hint| format!("{} {hint}", style.cyan("hint:"))),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Exit;
    use super::*;

    fn failure() -> Failure {
        Failure::new(
            Exit::NotReady,
            "NOT_READY",
            "node-2 did not become ready within 30s",
        )
        .fact("last status: raft bound, no leader known (term 4)")
        .hint("chronik-dev logs node-2 --errors")
    }

    #[test]
    fn a_failure_names_facts_and_hints() {
        assert_eq!(
            text_of(&failure(), Style::plain()),
            "error: node-2 did not become ready within 30s\n  \
             last status: raft bound, no leader known (term 4)\n\
             hint: chronik-dev logs node-2 --errors"
        );
    }

    #[test]
    fn the_envelope_keeps_its_shape() {
        let envelope = envelope_of("up", &failure());
        let envelope: Value = serde_json::from_str(&envelope).unwrap();
        assert_eq!(envelope["status"], "error");
        assert_eq!(envelope["error"]["code"], "NOT_READY");
        assert_eq!(envelope["data"], Value::Null);
        let envelope = super::envelope("ls", &Outcome::new(json!([])));
        assert_eq!(
            envelope,
            r#"{"command":"ls","data":[],"error":null,"schema_version":1,"status":"ok","warnings":[]}"#
        );
    }

    #[test]
    fn a_check_that_comes_out_badly_has_its_data_and_an_error() {
        let outcome = Outcome::new(json!({"verdict": "fail"})).with_error(failure());
        assert_eq!(outcome.exit, Exit::NotReady);
        let envelope = super::envelope("verify", &outcome);
        let envelope: Value = serde_json::from_str(&envelope).unwrap();
        assert_eq!(envelope["status"], "error");
        assert_eq!(envelope["data"]["verdict"], "fail");
        assert_eq!(envelope["error"]["code"], "NOT_READY");
    }
}
