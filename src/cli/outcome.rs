//! What a command gives back: data with its text, or a failure with its exit code.
//!
//! The exit codes and the error codes are a contract. A failure is rendered once, in `render`,
//! as text on stderr or as the envelope's `error`.

use serde_json::Value;
use serde_json::value::RawValue;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All went well.
    Ok,
    /// A scenario failed or a law was broken.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Not ready in time.
    NotReady,
    /// A node died unasked.
    NodeDied,
    /// A port or another precondition.
    Precondition,
    /// No such cluster, or not running.
    NoCluster,
    /// The check saw too little to judge.
    Inconclusive,
    /// The directory is locked and its supervisor does not answer as that cluster.
    Locked,
    /// Our bug.
    Bug,
    /// Ctrl-C.
    Interrupted,
    /// The code of the command that `run` ran.
    Child(u8),
}

impl Exit {
    /// The process's exit code.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotReady => 3,
            Self::NodeDied => 4,
            Self::Precondition => 5,
            Self::NoCluster => 6,
            Self::Inconclusive => 7,
            Self::Locked => 8,
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }
}

/// What every command returns.
pub(super) type CommandResult = Result<Outcome, Failure>;

/// A command that did what it was asked.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The envelope's `data`.
    pub(super) data: Value,
    /// The same as JSON text, where records are in it: their numbers stay as they were produced.
    pub(super) exact: Option<Box<RawValue>>,
    /// What goes to stdout without `--json`; empty when all was printed along the way.
    pub(super) text: String,
    /// The envelope's `warnings`; said on stderr without `--json`.
    pub(super) warnings: Vec<String>,
    /// The exit code, where success has more than one.
    pub(super) exit: Exit,
    /// Why a check did not come out well: the envelope's `error`. The text says it on its own.
    pub(super) error: Option<Box<Failure>>,
    /// Whether everything was printed along the way, the envelope too.
    pub(super) printed: Printed,
}

/// Who prints a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Printed {
    /// `render`, at the end.
    AtTheEnd,
    /// The command did.
    Already,
}

impl Outcome {
    /// Success with its data and no text.
    pub(super) fn new(data: Value) -> Self {
        Self {
            data,
            exact: None,
            text: String::new(),
            warnings: Vec::new(),
            exit: Exit::Ok,
            error: None,
            printed: Printed::AtTheEnd,
        }
    }

    /// Success with data that holds records as they were produced.
    pub(super) fn exact(data: Box<RawValue>) -> Self {
        Self {
            exact: Some(data),
            ..Self::new(Value::Null)
        }
    }

    /// Success that has printed all it had to say, the envelope too.
    pub(super) fn printed() -> Self {
        Self {
            printed: Printed::Already,
            ..Self::new(Value::Null)
        }
    }

    /// The same with what is printed without `--json`.
    pub(super) fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same with warnings.
    pub(super) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The same with another exit code.
    pub(super) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The same of a check that did not come out well: its data is complete, and its exit code and
    /// the envelope's `error` are those of the failure.
    pub(super) fn with_error(mut self, failure: Failure) -> Self {
        self.exit = failure.exit;
        self.error = Some(Box::new(failure));
        self
    }
}

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    /// The envelope's `error.code`, in capitals.
    pub(super) code: &'static str,
    /// What failed, in one line.
    pub(super) message: String,
    /// What is known beside it, one fact a line ("last status: ...", "caused by: ...").
    pub(super) facts: Vec<String>,
    /// What to do next.
    pub(super) hints: Vec<String>,
    /// The envelope's `error.details`.
    pub(super) details: Box<Value>,
    /// What was found out in spite of the failure: the envelope's `data`.
    pub(super) data: Box<Value>,
}

impl Failure {
    /// The code of a failure that is not said: whoever read stdout went away.
    pub(super) const STDOUT_CLOSED: &'static str = "STDOUT_CLOSED";

    /// A failure with its code and message.
    pub(super) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            facts: Vec::new(),
            hints: Vec::new(),
            details: Box::new(Value::Object(serde_json::Map::new())),
            data: Box::new(Value::Null),
        }
    }

    /// A wrong command line.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message)
    }

    /// Ctrl-C.
    pub(super) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "INTERRUPTED", "interrupted")
    }

    /// Stdout cannot be written; one whose reader went away is no failure of ours.
    pub(super) fn stdout(source: &std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Ok, Self::STDOUT_CLOSED, source.to_string());
        }
        Self::system("cannot write to stdout", source)
            .hint("make room there, or send the output elsewhere")
    }

    /// The system refused something that the command needs.
    pub(super) fn system(doing: impl std::fmt::Display, source: &std::io::Error) -> Self {
        Self::new(Exit::Precondition, "SYSTEM", format!("{doing}: {source}"))
    }

    /// The same with one more fact.
    pub(super) fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// The same with one more hint.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with details for programs.
    pub(super) fn with_details(mut self, details: Value) -> Self {
        self.details = Box::new(details);
        self
    }

    /// The same with what was found out nevertheless.
    pub(super) fn with_data(mut self, data: Value) -> Self {
        self.data = Box::new(data);
        self
    }
}
