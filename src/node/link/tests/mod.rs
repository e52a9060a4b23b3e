//! Whole links in one process: every test binds ports of the kernel's choice and waits for
//! conditions on the peer table, never for time to pass.

mod hostile;
mod lanes;
mod life;
mod relay;
mod rude;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use futures::FutureExt;
use socket2::{Domain, Socket, Type};
use uuid::Uuid;

use super::*;
use crate::spec::{ClusterId, Peer, Ports, Settings, TopicId};

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port as the launcher reserves it: bound with SO_REUSEPORT, never listening.
struct Reservation {
    _socket: Socket,
    port: u16,
}

impl Reservation {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        Self {
            _socket: socket,
            port,
        }
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

/// The ports of a cluster and the specs that go with them.
struct Plan {
    ports: BTreeMap<NodeId, Reservation>,
    cluster: ClusterId,
}

impl Plan {
    fn new(nodes: u64) -> Self {
        Self {
            ports: (1..=nodes)
                .map(|id| (NodeId(id), Reservation::new()))
                .collect(),
            cluster: ClusterId(Uuid::from_u128(7)),
        }
    }

    fn spec(&self, node: u64) -> NodeSpec {
        let node = NodeId(node);
        let peers = self.ports.iter().filter(|(id, _)| **id != node);
        NodeSpec {
            cluster_name: "test".to_owned(),
            cluster_id: self.cluster,
            secret: "0123".repeat(16),
            node,
            parent_pid: None,
            ports: Ports {
                kafka: 1,
                raft: self.ports[&node].port,
                metrics: 2,
                search: None,
            },
            peers: peers
                .map(|(id, reservation)| Peer {
                    id: *id,
                    dial: reservation.address(),
                    kafka_port: 1,
                })
                .collect(),
            data_dir: "/nonexistent".into(),
            settings: Settings::default(),
        }
    }

    fn address(&self, node: u64) -> SocketAddr {
        self.ports[&NodeId(node)].address()
    }

    async fn start(&self, node: u64, boot: u64) -> Node {
        Node::start(&self.spec(node), boot).await
    }

    async fn start_all(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for id in self.ports.keys() {
            nodes.push(self.start(id.0, id.0 * 10).await);
        }
        for node in &nodes {
            node.until("all are linked and heard", |table| {
                let others = self.ports.len() - 1;
                table
                    .peers
                    .values()
                    .all(|peer| peer.linked && peer.alive && peer.hears.len() == others + 1)
            })
            .await;
        }
        nodes
    }
}

/// One running set of links with an inbox that keeps what came.
struct Node {
    links: Links,
    inbox: Arc<Notebook>,
}

impl Node {
    async fn start(spec: &NodeSpec, boot: u64) -> Self {
        let inbox = Arc::new(Notebook::default());
        let reader: Arc<dyn Inbox> = Arc::<Notebook>::clone(&inbox);
        let links = Links::start(spec, BootId(boot), reader).await.unwrap();
        Self { links, inbox }
    }

    async fn until(&self, what: &str, condition: impl FnMut(&PeerTable) -> bool) -> PeerTable {
        let mut peers = self.links.peers();
        let met = tokio::time::timeout(PATIENCE, peers.wait_for(condition))
            .await
            .map(|met| met.unwrap().clone());
        met.unwrap_or_else(|_| panic!("not in time: {what}; last {:?}", self.links.peers()))
    }

    async fn ask(&self, to: u64, lane: Lane, payload: &[u8]) -> Result<Bytes, LinkError> {
        let payload = Bytes::copy_from_slice(payload);
        self.links
            .call(NodeId(to), lane, Service::Vote, group(1), payload, PATIENCE)
            .await
    }
}

fn group(partition: u32) -> GroupId {
    GroupId::partition(TopicId(Uuid::from_u128(1)), partition)
}

/// Answers `from:payload`, refuses `refuse`, never answers `hang`, and notes everything.
#[derive(Default)]
struct Notebook {
    requests: Mutex<Vec<(NodeId, Service, GroupId, Bytes)>>,
    casts: Mutex<Vec<(NodeId, Service, GroupId, Bytes)>>,
    noted: tokio::sync::Notify,
}

impl Inbox for Notebook {
    fn request(
        &self,
        from: NodeId,
        service: Service,
        group: GroupId,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, String>> {
        let note = (from, service, group, payload.clone());
        self.requests.lock().unwrap().push(note);
        match &payload[..] {
            b"refuse" => async { Err("not today".to_owned()) }.boxed(),
            b"hang" => std::future::pending().boxed(),
            _ => async move {
                Ok(Bytes::from(
                    [format!("{from}:").as_bytes(), &payload].concat(),
                ))
            }
            .boxed(),
        }
    }

    fn cast(&self, from: NodeId, service: Service, group: GroupId, payload: Bytes) {
        self.casts
            .lock()
            .unwrap()
            .push((from, service, group, payload));
        self.noted.notify_one();
    }
}
