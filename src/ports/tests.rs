use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Barrier;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::spec::defaults::PORT_BASE;
use crate::spec::{NodeId, PortPlan, Service};

fn locks() -> (TempDir, PortLocks) {
    let place = tempfile::tempdir().unwrap();
    let locks = PortLocks::open(&place.path().join("ports")).unwrap();
    (place, locks)
}

fn random(locks: &PortLocks, nodes: usize) -> PortLease {
    acquire(locks, nodes, SearchPorts::On, PlanPolicy::Random)
        .unwrap()
        .lease
}

fn numbers(plan: &PortPlan) -> BTreeSet<u16> {
    plan.0
        .iter()
        .flat_map(|ports| ports.services().map(|(_, port)| port))
        .collect()
}

fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, Duration::from_secs(5))
}

fn taken(result: Result<PortLease, LeaseError>) -> PortTaken {
    match result {
        Err(LeaseError::Taken(taken)) => taken,
        other => panic!("expected a taken port, got {other:?}"),
    }
}

#[test]
fn a_leased_port_refuses_dials_until_its_node_listens() {
    let (_place, locks) = locks();
    let lease = random(&locks, 1);
    let ports = lease.plan().of(NodeId(1));
    for (_, port) in ports.services() {
        for family in families() {
            let error = dial(family.address(port)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    }
}

#[tokio::test]
async fn a_port_stays_leased_over_the_death_of_its_node() {
    let (_place, locks) = locks();
    let lease = random(&locks, 1);
    let port = lease.plan().of(NodeId(1)).kafka;
    for _life in 0..2 {
        let listeners = bind_loopback(port).unwrap();
        for listener in listeners {
            let address = listener.local_addr().unwrap();
            let client = dial(address).unwrap();
            let (served, _) = listener.accept().await.unwrap();
            // The node's side closes first, so that TIME_WAIT is on the port itself.
            drop(served);
            drop(listener);
            drop(client);
            let error = dial(address).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        let second = taken(super::lease(&locks, lease.plan().clone()));
        assert_eq!((second.port, second.service), (port, Service::Kafka));
        assert_eq!(second.holder.unwrap().pid, std::process::id());
    }
}

#[tokio::test]
async fn connections_in_time_wait_do_not_block_the_next_lease() {
    let (_place, locks) = locks();
    let first = random(&locks, 1);
    let plan = first.plan().clone();
    for listener in bind_loopback(plan.of(NodeId(1)).kafka).unwrap() {
        let client = dial(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().await.unwrap());
        drop(client);
    }
    drop(first);
    super::lease(&locks, plan).unwrap();
}

#[tokio::test]
async fn a_strangers_connections_in_time_wait_do_not_block_a_lease() {
    let (_place, locks) = locks();
    let first = random(&locks, 1);
    let plan = first.plan().clone();
    drop(first);
    for family in families() {
        // std sets SO_REUSEADDR and not SO_REUSEPORT, as most servers do.
        let listener = TcpListener::bind(family.address(plan.of(NodeId(1)).kafka)).unwrap();
        let client = dial(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        drop(client);
    }
    super::lease(&locks, plan).unwrap();
}

#[test]
fn launchers_with_other_locks_still_see_the_reservation() {
    let (_place, mine) = locks();
    let (_elsewhere, theirs) = locks();
    let lease = random(&mine, 1);
    let second = taken(super::lease(&theirs, lease.plan().clone()));
    assert_eq!(second.port, lease.plan().of(NodeId(1)).kafka);
}

#[test]
fn a_stranger_on_one_family_only_is_noticed_and_named() {
    for family in families() {
        let (_place, locks) = locks();
        let lease = random(&locks, 1);
        let plan = lease.plan().clone();
        drop(lease);
        let ports = plan.of(NodeId(1));
        let _stranger = TcpListener::bind(family.address(ports.metrics)).unwrap();
        let found = taken(super::lease(&locks, plan));
        assert_eq!(
            (found.port, found.service),
            (ports.metrics, Service::Metrics)
        );
        assert_eq!(found.node, NodeId(1));
        if cfg!(target_os = "linux") {
            assert_eq!(found.holder.unwrap().pid, std::process::id());
        }
    }
}

#[test]
fn the_peer_link_needs_ipv4_only() {
    if families().len() < 2 {
        return;
    }
    let (_place, locks) = locks();
    let lease = random(&locks, 1);
    let plan = lease.plan().clone();
    drop(lease);
    let _stranger = TcpListener::bind(Family::V6.address(plan.of(NodeId(1)).raft)).unwrap();
    super::lease(&locks, plan).unwrap();
}

#[test]
fn a_failed_lease_gives_back_what_it_had() {
    let (_place, locks) = locks();
    let lease = random(&locks, 2);
    let plan = lease.plan().clone();
    drop(lease);
    let last = plan.of(NodeId(2)).search.unwrap();
    let stranger = TcpListener::bind(Family::V4.address(last)).unwrap();
    assert_eq!(taken(super::lease(&locks, plan.clone())).port, last);
    drop(stranger);
    let again = super::lease(&locks, plan).unwrap();
    assert_eq!(again.ports(), 8);
}

#[test]
fn launchers_of_the_same_instant_never_overlap() {
    let (_place, locks) = locks();
    for _round in 0..20 {
        let start = Barrier::new(2);
        let launch = || {
            start.wait();
            acquire(&locks, 3, SearchPorts::On, PlanPolicy::Default).unwrap()
        };
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(launch);
            let two = scope.spawn(launch);
            (one.join().unwrap(), two.join().unwrap())
        });
        let (mine, theirs) = (numbers(one.lease.plan()), numbers(two.lease.plan()));
        assert!(mine.is_disjoint(&theirs), "{mine:?} {theirs:?}");
        assert_ne!(one.moved_by, two.moved_by);
        for acquired in [&one, &two] {
            let kafka = acquired.lease.plan().of(NodeId(1)).kafka;
            assert_eq!(kafka, PORT_BASE + acquired.moved_by);
        }
    }
}

#[test]
fn a_base_that_was_asked_for_does_not_move() {
    let (_place, locks) = locks();
    let lease = random(&locks, 1);
    let base = lease.plan().of(NodeId(1)).kafka;
    let asked = acquire(&locks, 1, SearchPorts::Off, PlanPolicy::Asked(base));
    let found = taken(asked.map(|acquired| acquired.lease));
    assert_eq!(found.port, base);
    let text = found.to_string();
    let start = format!("port {base} (kafka of node-1) is taken by process ");
    assert!(text.starts_with(&start), "{text}");
}

#[test]
fn a_survey_names_every_taken_port_and_keeps_none() {
    let (_place, locks) = locks();
    let lease = random(&locks, 2);
    let plan = lease.plan().clone();
    assert_eq!(survey(&locks, &plan).unwrap().len(), 8);
    drop(lease);
    let ports = plan.of(NodeId(2));
    let _stranger = TcpListener::bind(Family::V4.address(ports.raft)).unwrap();
    let found = survey(&locks, &plan).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].port, found[0].node), (ports.raft, NodeId(2)));
    assert!(survey(&locks, &plan).is_ok());
}

#[test]
fn a_hundred_nodes_lease_without_a_collision() {
    let (_place, locks) = locks();
    let lease = random(&locks, 100);
    assert_eq!(numbers(lease.plan()).len(), 400);
    assert_eq!(lease.ports(), 400);
}
