//! From `up` to `down --wipe`, whatever happens in between.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chronik_dev::spec::{NodeId, Ports};
use chronik_dev::supervisor::ClusterStatus;

use super::command::{Ran, Room};
use super::{Data, NODES, ports};
use crate::tell::tell;

/// Bases that may be taken before a test gives up.
const TRIES: usize = 20;
/// From the end of `down` to the end of the supervisor's process.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// One cluster's life; dropping it ends it.
pub(super) struct Life {
    room: Room,
    name: String,
    base: u16,
    data: Data,
    settings: Vec<String>,
    ports: Vec<Ports>,
    logs: Vec<PathBuf>,
}

impl Life {
    /// Starts a cluster, on the first base that is free.
    pub(super) async fn begin(data: Data, settings: &[&str]) -> Self {
        let mut refused = None;
        for _ in 0..TRIES {
            let base = ports::next_base();
            let mut life = Self {
                room: Room::new(),
                name: format!("it-{}-{base}", std::process::id()),
                base,
                data,
                settings: settings.iter().map(ToString::to_string).collect(),
                ports: Vec::new(),
                logs: Vec::new(),
            };
            let ran = life.up().await;
            if ran.error_code() == "PORT_TAKEN" {
                refused = Some(ran);
                continue;
            }
            life.learn(ran);
            return life;
        }
        panic!("no port base is free: {refused:?}");
    }

    /// Runs `up` in the words of the first time.
    pub(super) async fn up(&self) -> Ran {
        let base = self.base.to_string();
        let home = self.room.path().join("home");
        let mut words = vec!["up", "-d", "--nodes", "3", "--port-base", &base];
        words.extend(["--cluster", &self.name]);
        for setting in &self.settings {
            words.extend(["--set", setting]);
        }
        match self.data {
            Data::Ephemeral => words.push("--ephemeral"),
            Data::Kept => words.extend(["--data-dir", home.to_str().expect("the path is UTF-8")]),
        }
        self.room.run(&words).await
    }

    /// Runs one command for this cluster.
    pub(super) async fn run(&self, words: &str) -> Ran {
        let mut words: Vec<&str> = words.split_whitespace().collect();
        words.extend(["--cluster", &self.name]);
        self.room.run(&words).await
    }

    pub(super) fn ports(&self, node: NodeId) -> Ports {
        self.ports[node.position()]
    }

    pub(super) fn log(&self, node: NodeId) -> String {
        let log = std::fs::read(&self.logs[node.position()]).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn learn(&mut self, up: Ran) {
        let status: ClusterStatus =
            serde_json::from_value(up.data()).expect("up tells what status tells");
        self.ports = status.nodes.iter().map(|node| node.ports).collect();
        self.logs = (status.nodes.iter())
            .map(|node| PathBuf::from(&node.log))
            .collect();
    }

    /// Processes of this cluster, supervisor first.
    fn processes(&self) -> Vec<u32> {
        let ran = self.room.run_blocking(&["status", "--cluster", &self.name]);
        let Ok(status) = serde_json::from_value::<ClusterStatus>(ran.envelope["data"].clone())
        else {
            return Vec::new();
        };
        let nodes = status.nodes.iter().filter_map(|node| node.pid);
        std::iter::once(status.supervisor_pid)
            .chain(nodes)
            .collect()
    }

    /// Keeps the nodes' logs of a failed test.
    fn keep_logs(&self) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&self.name);
        if std::fs::create_dir_all(&kept).is_err() {
            return;
        }
        for (node, log) in NODES.iter().zip(&self.logs) {
            // The path that is printed tells what could be kept.
            let _ = std::fs::copy(log, kept.join(format!("{node}.log")));
        }
        tell(&format!("the nodes' logs are kept in {}", kept.display()));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_logs();
        }
        let processes = self.processes();
        let ran = self
            .room
            .run_blocking(&["down", "--wipe", "--cluster", &self.name]);
        let left = left_over(&processes);
        if let Some(supervisor) = left.first() {
            end(*supervisor);
        }
        // A second panic would abort the run before its report.
        if !std::thread::panicking() && !self.ports.is_empty() {
            assert!(left.is_empty(), "{left:?} outlived {ran}");
            assert!(matches!(ran.code, Some(0 | 6)), "{ran}");
        }
    }
}

/// Those of the processes that do not end.
fn left_over(processes: &[u32]) -> Vec<u32> {
    let give_up = Instant::now() + GONE_WITHIN;
    loop {
        let alive = |pid: &u32| is_ours(*pid);
        let left: Vec<u32> = processes.iter().copied().filter(alive).collect();
        if left.is_empty() || Instant::now() > give_up {
            return left;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether a process runs our binary; a zombie has none.
fn is_ours(pid: u32) -> bool {
    let binary = std::fs::read_link(format!("/proc/{pid}/exe"));
    binary.is_ok_and(|path| path.to_string_lossy().contains("chronik-dev"))
}

/// Kills a supervisor that does not go; its nodes go with it.
fn end(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(pid as i32);
    // It may have gone since.
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}
