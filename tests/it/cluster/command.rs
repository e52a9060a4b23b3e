//! `chronik-dev` as a user runs it: words in, an exit code and an envelope out.
//!
//! Every command runs with `--json` in a room of its own: home, runtime directory and temporary
//! files lie in one directory, so that no cluster of the user is ever seen.

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// No command takes so long, a loaded machine or not.
const LONGEST: Duration = Duration::from_mins(2);

/// Where clusters of a test live.
pub(crate) struct Room(TempDir);

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("chronik-it-").tempdir();
        let root = root.expect("a directory can be made");
        for name in ["data", "run", "tmp"] {
            let made = std::fs::create_dir(root.path().join(name));
            made.expect("a directory can be made");
        }
        Self(root)
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs one command to its end.
    pub(crate) async fn run(&self, words: &[&str]) -> Ran {
        let mut command = self.command(words);
        let said = words.join(" ");
        let ran = tokio::task::spawn_blocking(move || finish(&said, &mut command));
        ran.await.expect("running a command does not panic")
    }

    /// The same for a thread without a runtime, such as one that unwinds.
    pub(super) fn run_blocking(&self, words: &[&str]) -> Ran {
        finish(&words.join(" "), &mut self.command(words))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chronik-dev"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("XDG_RUNTIME_DIR", self.path().join("run"))
            .env("TMPDIR", self.path().join("tmp"))
            .timeout(LONGEST)
            .args(words)
            .arg("--json");
        command
    }
}

fn finish(words: &str, command: &mut Command) -> Ran {
    let output = command.output().expect("the binary can be run");
    let stdout = String::from_utf8_lossy(&output.stdout);
    Ran {
        words: words.to_owned(),
        code: output.status.code(),
        envelope: serde_json::from_str(&stdout).unwrap_or(Value::Null),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    words: String,
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The one object on stdout.
    pub(crate) envelope: Value,
    /// What was said beside it.
    pub(crate) stderr: String,
}

impl Ran {
    /// The data of a command that succeeded.
    pub(crate) fn data(self) -> Value {
        assert_eq!(self.code, Some(0), "{self}");
        assert_eq!(self.envelope["status"], "ok", "{self}");
        self.envelope["data"].clone()
    }

    /// The error's code, where the command failed.
    pub(crate) fn error_code(&self) -> &str {
        self.envelope["error"]["code"].as_str().unwrap_or("")
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            words,
            code,
            envelope,
            stderr,
        } = self;
        write!(
            f,
            "chronik-dev {words}: exit code {code:?}\n{envelope:#}\n{stderr}"
        )
    }
}
