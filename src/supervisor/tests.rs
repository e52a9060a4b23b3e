//! A supervisor over a stand-in for the node: a shell script that keeps the contract of
//! `chronik-dev node`. It shows that the supervisor knows a node by that contract only.

use std::future::pending;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::broadcast;

use super::run::run;
use super::*;

/// Reports everything but what is asked over ports; leaves when its lifeline closes.
const LAWFUL: &str = r#"#!/bin/sh
echo '{"event":"bound"}'
echo 'this is no report'
echo 'INFO alive' >&2
read -r _ || true
exit 0
"#;

/// Dies with its last words.
const DYING: &str = r#"#!/bin/sh
echo '{"event":"fatal","error":"the disk is on fire","hint":"call somebody"}'
echo 'ERROR flames' >&2
exit 9
"#;

/// Neither leaves when its lifeline closes nor on SIGTERM.
const STUBBORN: &str = r#"#!/bin/sh
trap '' TERM
echo '{"event":"bound"}'
while :; do read -r _ < /dev/zero; done
"#;

/// A supervisor that outlives its lifeline and ends on SIGTERM.
const TOUGH: &str = r"#!/bin/sh
trap 'exit 0' TERM
cat > /dev/null
while :; do sleep 1 > /dev/null & wait $!; done
";

struct Stage {
    root: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn places(&self) -> Places {
        Places {
            data_home: self.root.path().join("data"),
            runtime: Some(self.root.path().to_owned()),
            temp: self.root.path().to_owned(),
        }
    }

    fn program(&self, script: &str) -> PathBuf {
        let path = self.root.path().join("stand-in");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn request(&self, wait: Await, timeout: Duration) -> LaunchRequest {
        LaunchRequest {
            nodes: Some(2),
            ports: PortWish::Random,
            wait,
            timeout,
            ..LaunchRequest::of(self.name())
        }
    }

    #[expect(clippy::unused_self, reason = "a name belongs to its stage")]
    fn name(&self) -> ClusterName {
        "dev".parse().unwrap()
    }

    async fn play(&self, script: &str, request: LaunchRequest) -> (Ended, Vec<ClusterEvent>) {
        let (news, mut heard) = broadcast::channel(1024);
        let spawner = Spawner::of(self.program(script));
        let ended = run(&self.places(), spawner, request, news, pending()).await;
        let mut events = Vec::new();
        while let Ok(event) = heard.try_recv() {
            events.push(event);
        }
        (ended.unwrap(), events)
    }
}

fn gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

fn all_gone(events: &[ClusterEvent]) -> bool {
    events.iter().all(|event| match event {
        ClusterEvent::NodeSpawned { pid, .. } => gone(*pid),
        _ => true,
    })
}

#[tokio::test]
async fn a_node_that_dies_is_quoted_and_the_others_are_stopped() {
    let stage = Stage::new();
    let request = stage.request(Await::All, Duration::from_secs(20));
    let (ended, events) = stage.play(DYING, request).await;
    let Ended::Failed(trouble) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(trouble.code, TroubleCode::NodeDied);
    assert!(
        trouble.message.contains("exit code 9 (its disk failed"),
        "{}",
        trouble.message
    );
    let facts = trouble.facts.join("\n");
    assert!(facts.contains("it said: the disk is on fire"), "{facts}");
    assert!(facts.contains("ERROR flames"), "{facts}");
    assert!(trouble.hints.contains(&String::from("call somebody")));
    assert!(all_gone(&events));
    assert!(matches!(events.last(), Some(ClusterEvent::Failed { .. })));
}

#[tokio::test]
async fn a_deadline_says_what_each_node_waited_for() {
    let stage = Stage::new();
    let request = stage.request(Await::All, Duration::from_secs(2));
    let (ended, events) = stage.play(LAWFUL, request).await;
    let Ended::Failed(trouble) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(trouble.code, TroubleCode::NotReady);
    let facts = trouble.facts.join("\n");
    assert!(facts.contains("node-2 waits for 0/1 peers"), "{facts}");
    let chatter = |event: &ClusterEvent| matches!(event, ClusterEvent::Notice { text } if text.contains("no report"));
    assert!(events.iter().any(chatter));
    assert!(all_gone(&events));
}

#[tokio::test]
async fn commands_reach_a_running_supervisor_and_down_ends_it() {
    let stage = Stage::new();
    let request = stage.request(Await::None, Duration::from_secs(20));
    let places = stage.places();
    let name = stage.name();
    let visit = async {
        let handle = loop {
            match ClusterHandle::connect(&places, &name).await {
                Ok(handle) => break handle,
                Err(_not_yet) => tokio::task::yield_now().await,
            }
        };
        let action = |verb, select: &str| Action {
            verb,
            select: select.parse().unwrap(),
            lasting: None,
            signal: None,
        };
        let paused = handle.act(action(Verb::Pause, "2")).await.unwrap();
        assert_eq!(paused.nodes, [crate::spec::NodeId(2)]);
        let status = handle.status().await.unwrap();
        assert_eq!(status.nodes[1].state, "paused");
        assert_eq!(status.faults[0].fault, "pause node-2");
        handle.act(action(Verb::Resume, "2")).await.unwrap();
        handle.act(action(Verb::Kill, "1")).await.unwrap();
        let status = handle.status().await.unwrap();
        assert_eq!(status.nodes[0].state, "exited");
        assert!(!status.nodes[0].died, "it was asked for");
        let unknown = handle.act(action(Verb::Kill, "7")).await.unwrap_err();
        assert_eq!(unknown.code, TroubleCode::Usage);
        handle.down().await.unwrap();
    };
    let ((ended, events), ()) = tokio::join!(stage.play(LAWFUL, request), visit);
    assert_eq!(ended, Ended::Asked);
    assert!(all_gone(&events));
    let refused = ClusterHandle::connect(&stage.places(), &stage.name()).await;
    assert_eq!(refused.unwrap_err().code, TroubleCode::NotRunning);
}

#[tokio::test]
async fn a_node_that_does_not_leave_is_killed_after_the_grace() {
    let stage = Stage::new();
    let request = LaunchRequest {
        nodes: Some(1),
        ..stage.request(Await::All, Duration::from_millis(200))
    };
    let (_, events) = stage.play(STUBBORN, request).await;
    let killed = |event: &ClusterEvent| {
        matches!(
            event,
            ClusterEvent::NodeExited {
                exit: Exit::Signal(9),
                ..
            }
        )
    };
    assert!(events.iter().any(killed), "{events:?}");
    assert!(all_gone(&events));
}

#[tokio::test]
async fn who_cannot_wait_for_a_launched_supervisor_signals_it() {
    let stage = Stage::new();
    let spawner = Spawner::of(stage.program(TOUGH));
    let request = stage.request(Await::None, Duration::from_secs(20));
    let log = std::fs::File::create(stage.root.path().join("log")).unwrap();
    let launched = launch(&spawner, &request, log).await.unwrap();
    let mut patient = false;
    let hurry = async || {
        if std::mem::replace(&mut patient, true) {
            pending::<()>().await;
        }
    };
    assert_eq!(launched.stop_or_kill(hurry).await, Ok(Pace::Hurried));
}
