use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::{ONE, TWO, hears, is_reset, is_silent, says, soon};
use crate::spec::{NodeId, PortPlan, Ports};
use crate::supervisor::relay::{Fault, FaultError, MAX_FAULTS, Relays, grammar};

const THREE: NodeId = NodeId(3);

/// A cluster's relays, and the listeners that stand for its nodes.
struct Cluster {
    relays: Relays,
    nodes: Vec<TcpListener>,
}

impl Cluster {
    async fn new(count: usize) -> Self {
        let mut nodes = Vec::new();
        let mut plan = Vec::new();
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let raft = listener.local_addr().unwrap().port();
            plan.push(Ports {
                kafka: 0,
                raft,
                metrics: 0,
                search: None,
            });
            nodes.push(listener);
        }
        let relays = Relays::start(&PortPlan(plan)).unwrap();
        Self { relays, nodes }
    }

    fn address(&self, from: NodeId, to: NodeId) -> SocketAddr {
        self.relays.dial_address(from, to).unwrap()
    }

    /// The connection that `from` dials to `to`: its own end, then the other.
    async fn connected(&self, from: NodeId, to: NodeId) -> (TcpStream, TcpStream) {
        let dialling = soon(TcpStream::connect(self.address(from, to)))
            .await
            .unwrap();
        let (dialled, _) = soon(self.nodes[to.position()].accept()).await.unwrap();
        (dialling, dialled)
    }
}

#[tokio::test]
async fn every_ordered_pair_has_its_own_relay() {
    let cluster = Cluster::new(3).await;
    let mut addresses = BTreeSet::new();
    for (from, to) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
        addresses.insert(cluster.address(NodeId(from), NodeId(to)));
    }
    assert_eq!(addresses.len(), 6);
    assert_eq!(cluster.relays.dial_address(ONE, ONE), None);
    assert_eq!(cluster.relays.dial_address(ONE, NodeId(4)), None);
}

#[tokio::test]
async fn a_cut_is_one_way_on_both_connections_of_the_pair() {
    let mut cluster = Cluster::new(2).await;
    let (mut one_dialled, mut two_accepted) = cluster.connected(ONE, TWO).await;
    let (mut two_dialled, mut one_accepted) = cluster.connected(TWO, ONE).await;
    let cut = cluster.relays.apply(Fault::Cut { from: ONE, to: TWO });

    says(&mut one_dialled, "lost").await;
    says(&mut one_accepted, "lost").await;
    says(&mut two_accepted, "heard").await;
    says(&mut two_dialled, "heard").await;
    hears(&mut one_dialled, "heard").await;
    hears(&mut one_accepted, "heard").await;
    is_silent(&mut two_accepted).await;
    is_silent(&mut two_dialled).await;

    cluster.relays.heal(cut.unwrap()).unwrap();
    for socket in [&mut one_dialled, &mut two_accepted, &mut two_dialled] {
        is_reset(socket).await;
    }
    assert!(cluster.relays.faults().is_empty());
    assert_eq!(cluster.relays.probe(ONE, TWO).unwrap().forward, 0);
    assert_eq!(cluster.relays.probe(ONE, TWO).unwrap().backward, 5);
}

#[tokio::test]
async fn a_partition_parts_and_faults_add_up() {
    let mut cluster = Cluster::new(3).await;
    let (mut one, mut two) = cluster.connected(ONE, TWO).await;
    let (mut third, mut second) = cluster.connected(THREE, TWO).await;
    let groups = grammar::partition(&["1,2", "3"]).unwrap();
    let partition = cluster.relays.apply(groups).unwrap();
    let cut = Fault::Cut {
        from: THREE,
        to: TWO,
    };
    let cut = cluster.relays.apply(cut).unwrap();
    says(&mut one, "together").await;
    hears(&mut two, "together").await;
    says(&mut third, "apart").await;
    is_silent(&mut second).await;
    let told: Vec<String> = cluster
        .relays
        .faults()
        .iter()
        .map(|active| active.fault.to_string())
        .collect();
    assert_eq!(
        told,
        ["partition node-1,node-2 | node-3", "cut node-3..node-2"]
    );

    cluster.relays.heal(partition).unwrap();
    assert_eq!(
        cluster.relays.heal(partition),
        Err(FaultError::NoSuchFault(partition))
    );
    // The way back from node-2 is whole again, so what lived through its drop is reset.
    is_reset(&mut third).await;
    assert_eq!(cluster.relays.heal_all()[0].id, cut);
    says(&mut one, "still").await;
    hears(&mut two, "still").await;
}

#[tokio::test]
async fn a_fault_for_a_while_ends_by_itself() {
    let mut cluster = Cluster::new(2).await;
    let (mut one, _two) = cluster.connected(ONE, TWO).await;
    let mut changes = cluster.relays.watch();
    let cut = Fault::Cut { from: ONE, to: TWO };
    let begun = Instant::now();
    let lasting = Duration::from_millis(30);
    cluster.relays.apply_for(cut.clone(), lasting).unwrap();
    assert!(cluster.relays.faults()[0].until.is_some());
    soon(changes.wait_for(|faults| !faults.is_empty()))
        .await
        .unwrap();
    soon(changes.wait_for(Vec::is_empty)).await.unwrap();
    assert!(begun.elapsed() >= lasting);
    is_reset(&mut one).await;

    let far = cluster.relays.apply_for(cut.clone(), Duration::MAX);
    assert_eq!(far, Err(FaultError::TooLong(Duration::MAX)));
    let long = Duration::from_hours(1);
    let id = cluster.relays.apply_for(cut, long).unwrap();
    cluster.relays.heal(id).unwrap();
    while soon(cluster.relays.timers.join_next()).await.is_some() {}
}

#[tokio::test]
async fn faults_without_end_are_refused() {
    let mut cluster = Cluster::new(2).await;
    let cut = || Fault::Cut { from: ONE, to: TWO };
    for _ in 0..MAX_FAULTS {
        cluster.relays.apply(cut()).unwrap();
    }
    let refused = cluster.relays.apply(cut());
    assert_eq!(refused, Err(FaultError::TooMany(MAX_FAULTS)));
    let unknown = Fault::Cut {
        from: ONE,
        to: THREE,
    };
    cluster.relays.heal_all();
    assert_eq!(
        cluster.relays.apply(unknown),
        Err(FaultError::UnknownNode(THREE))
    );
}
