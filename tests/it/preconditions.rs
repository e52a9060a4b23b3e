//! What `up` refuses: taken ports, directories that are not its own.

use std::net::{Ipv4Addr, TcpListener};

use crate::cluster::{Cluster, Data, NODES, Room};

/// A listener of ours as some node's port, and the base of the plan that wants it.
fn squat(above_base: u16) -> (TcpListener, u16) {
    for base in (12_000..12_900).step_by(4) {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, base + above_base)) {
            return (listener, base);
        }
    }
    panic!("no port is free");
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_service_and_holder() {
    for (above, service) in [(0, "kafka"), (101, "raft"), (202, "metrics")] {
        let (_listener, base) = squat(above);
        let room = Room::new();
        let base_word = base.to_string();
        let words = [
            "up",
            "-d",
            "--port-base",
            &base_word,
            "--ephemeral",
            "--cluster",
            "it-squat",
        ];
        let ran = room.run(&words).await;
        assert_eq!(ran.code, Some(5), "{ran}");
        assert_eq!(ran.error_code(), "PORT_TAKEN", "{ran}");
        let said = ran.envelope["error"].to_string().to_lowercase();
        let port = (base + above).to_string();
        let holder = std::process::id().to_string();
        for word in [port.as_str(), service, &holder] {
            assert!(said.contains(word), "{word:?} is not named: {ran}");
        }
        let gone = room.run(&["status", "--cluster", "it-squat"]).await;
        assert_eq!(gone.code, Some(6), "nothing is left running: {gone}");
    }
}

#[cfg(not(feature = "planted-bugs"))]
#[tokio::test]
async fn no_bug_can_be_planted_in_a_release() {
    let room = Room::new();
    let words = ["up", "-d", "--ephemeral", "--set", "bug=ack-at-append"];
    let ran = room.run(&words).await;
    assert_eq!(ran.code, Some(2), "{ran}");
    let said = ran.envelope["error"].to_string();
    assert!(said.contains("unknown setting"), "{ran}");
}

#[tokio::test]
async fn a_directory_that_is_no_cluster_is_left_alone() {
    let room = Room::new();
    let dir = room.path().join("precious");
    std::fs::create_dir(&dir).expect("a directory can be made");
    std::fs::write(dir.join("letter.txt"), "dear").expect("a file can be written");
    let path = dir.to_str().expect("the path is UTF-8");
    let words = [
        "up",
        "-d",
        "--port-base",
        "12900",
        "--data-dir",
        path,
        "--cluster",
        "it-foreign",
    ];
    let ran = room.run(&words).await;
    assert_eq!(ran.code, Some(5), "{ran}");
    room.run(&["down", "--wipe", "--cluster", "it-foreign"])
        .await;
    let letter = std::fs::read_to_string(dir.join("letter.txt"));
    assert_eq!(letter.expect("the letter is there"), "dear");
}

#[tokio::test]
async fn a_node_refuses_the_data_of_another_cluster() {
    let one = Cluster::up(Data::Ephemeral).await;
    let other = Cluster::up(Data::Ephemeral).await;
    let node = NODES[1];
    let from = one.node(node).await.data_dir;
    let to = other.node(node).await.data_dir;
    one.run(&format!("stop {node}")).await;
    other.run(&format!("stop {node}")).await;
    std::fs::rename(&to, format!("{to}.own")).expect("a directory can be moved");
    std::fs::rename(&from, &to).expect("a directory can be moved");
    let ran = other.try_run(&format!("start {node}")).await;
    assert_eq!(ran.code, Some(4), "{ran}");
    let said = ran.envelope["error"]["message"].to_string();
    assert!(said.contains("it said: "), "its own words are told: {ran}");
    let ids = [
        one.status().await.cluster_id,
        other.status().await.cluster_id,
    ];
    let log = other.log(node);
    for id in ids.map(|id| id.to_string()) {
        assert!(log.contains(&id), "{id} is not named in {log}");
    }
    std::fs::rename(&to, &from).expect("a directory can be moved");
    std::fs::rename(format!("{to}.own"), &to).expect("a directory can be moved");
    one.run(&format!("start {node}")).await;
    other.run(&format!("start {node}")).await;
}
