//! A user of the command line with a home of its own: what every test calls.
//!
//! It calls what users call and reads what they read. When it is dropped, every cluster of its
//! home is stopped, so that no process is left behind.

use std::io::{BufRead, BufReader, Lines, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A home directory, and the ports that its clusters begin at.
pub(crate) struct User {
    home: tempfile::TempDir,
}

/// A command in the foreground.
pub(crate) struct Foreground {
    pub(crate) child: Child,
    pub(crate) stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
}

impl User {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("cd").tempdir().unwrap();
        for folder in ["data", "run", "tmp"] {
            std::fs::create_dir(home.path().join(folder)).unwrap();
        }
        Self { home }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// The directory of the cluster `dev`.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.path("data/chronik-dev/clusters/dev")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tests are users, and users spawn us"
    )]
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("chronik-dev"));
        command
            .args(words)
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("TMPDIR", self.path("tmp"))
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a command to its end, with something to read.
    pub(crate) fn run_with(&self, words: &[&str], input: &[u8]) -> Output {
        let mut file = tempfile::tempfile_in(self.path("tmp")).unwrap();
        file.write_all(input).unwrap();
        file.rewind().unwrap();
        self.command(words).stdin(file).output().unwrap()
    }

    /// Runs a command to its end, which must be good.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", talk(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--json` and returns its exit code and envelope.
    pub(crate) fn json(&self, words: &[&str]) -> (i32, Value) {
        let output = self.run(&[words, &["--json"]].concat());
        let envelope = serde_json::from_slice(&output.stdout);
        let envelope = envelope.unwrap_or_else(|error| panic!("{error}: {}", talk(&output)));
        (output.status.code().unwrap(), envelope)
    }

    /// The envelope's `data` of a command that must go well.
    pub(crate) fn data(&self, words: &[&str]) -> Value {
        let (code, mut envelope) = self.json(words);
        assert_eq!(code, 0, "{words:?}: {envelope}");
        assert_eq!(envelope["status"], "ok");
        envelope["data"].take()
    }

    /// Starts a cluster of three, detached, on ports that were free a moment ago.
    pub(crate) fn up(&self, more: &[&str]) -> Value {
        loop {
            let base = base();
            let words = [&["up", "-d", "--port-base", &base], more].concat();
            let (code, mut envelope) = self.json(&words);
            if envelope["error"]["code"] == "PORT_TAKEN" {
                continue;
            }
            assert_eq!(code, 0, "{envelope}");
            return envelope["data"].take();
        }
    }

    /// Starts a command and leaves it running.
    pub(crate) fn spawn(&self, words: &[&str]) -> Foreground {
        let mut command = self.command(words);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Foreground {
            child,
            stdout,
            stderr,
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let output = self.run(&["down", "--all"]);
        if !std::thread::panicking() {
            assert!(output.status.success(), "{}", talk(&output));
        }
    }
}

impl Foreground {
    /// The READY line.
    pub(crate) fn ready(&mut self) -> String {
        match self.stdout.next() {
            Some(line) => line.unwrap(),
            None => panic!(
                "no READY: {}",
                self.stderr.by_ref().flatten().collect::<String>()
            ),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        // It may be gone already, as its test wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a command said.
pub(crate) fn talk(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A port base below the ephemeral range, another one at each call.
pub(crate) fn base() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let turn = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let base = 16_000 + (std::process::id() * 61 + turn * 407) % 12_000;
    base.to_string()
}

/// The pids of a status's nodes.
pub(crate) fn pids(status: &Value) -> Vec<i32> {
    let nodes = status["nodes"].as_array().unwrap();
    let pid = |node: &Value| i32::try_from(node["pid"].as_i64()?).ok();
    nodes.iter().filter_map(pid).collect()
}

/// Waits until none of the processes runs, at most `within`.
pub(crate) fn gone_within(pids: &[i32], within: Duration) {
    let deadline = Instant::now() + within;
    while let Some(pid) = pids.iter().find(|pid| runs(**pid)) {
        assert!(
            Instant::now() < deadline,
            "process {pid} still runs after {within:?}"
        );
        std::thread::yield_now();
    }
}

/// Whether a process exists and is no zombie: nobody may be there to reap an orphan. One whose
/// first thread alone has ended still holds its files.
pub(crate) fn runs(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let others = threads.is_ok_and(|threads| threads.count() > 1);
    let ended = stat
        .rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
    others || !ended
}

/// The pids of nodes whose spec lies under a directory.
pub(crate) fn nodes_under(directory: &Path) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ours = |pid: &i32| {
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.contains("\0node\0--spec\0") && words.contains(directory.to_str().unwrap())
    };
    pids.filter(ours).filter(|pid| runs(*pid)).collect()
}
