//! Connections of the HTTP faces: how many, how long, and who goes when there is no more room.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// A client that does not finish its request's head in time is closed.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// Connections that may be open at once on one listener.
const MAX_CONNECTIONS: usize = 1024;
/// When there is no more room, a new connection waits so long for an idle one to go.
const ROOM_WAIT: Duration = Duration::from_millis(500);
/// What is read ahead of one connection: its longest head.
const READ_AHEAD: usize = 64 << 10;
/// To whom there is no room for.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
                      content-length: 21\r\ncontent-type: text/plain\r\n\r\ntoo many connections\n";

/// Serves any routes on one listener until it fails, with the limits of all faces.
pub(in crate::node) async fn serve_router(listener: TcpListener, router: Router) {
    serve_at_most(MAX_CONNECTIONS, listener, router).await;
}

async fn serve_at_most(most: usize, listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(most));
    // Changes when there is no more room: who is idle then, leaves.
    let (crowd, _) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else { continue };
        match room(&permits, &crowd).await {
            Some(permit) => {
                let one = connection(stream, router.clone(), (permit, crowd.subscribe()));
                connections.spawn(one);
            }
            None => drop(connections.spawn(turn_away(stream))),
        }
    }
}

/// Room for one more connection: that of an idle one, when all is taken.
async fn room(permits: &Arc<Semaphore>, crowd: &watch::Sender<()>) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        return Some(permit);
    }
    crowd.send_replace(());
    let permit = Arc::clone(permits).acquire_owned();
    let permit = tokio::time::timeout(ROOM_WAIT, permit).await;
    permit.ok().and_then(Result::ok)
}

/// Says why, and reads what is on its way, without which the reason would be lost.
async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    drop(tokio::time::timeout(ROOM_WAIT, told).await);
}

async fn connection(
    stream: TcpStream,
    router: Router,
    (permit, mut crowd): (OwnedSemaphorePermit, watch::Receiver<()>),
) {
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(READ_AHEAD);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    let crowded = tokio::select! {
        // A broken connection is the client's affair.
        _ = served.as_mut() => false,
        _ = crowd.changed() => true,
    };
    if crowded {
        // An idle one ends now, a busy one after its answer.
        served.as_mut().graceful_shutdown();
        drop(served.await);
    }
    drop(permit);
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::AsyncReadExt;
    use tokio::sync::Notify;

    use super::*;

    /// A face with two pages, one of which answers when it is told to.
    struct Served {
        addr: SocketAddr,
        go: Arc<Notify>,
        asked: watch::Receiver<usize>,
        _tasks: JoinSet<()>,
    }

    async fn served(most: usize) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let go = Arc::new(Notify::new());
        let (counter, asked) = watch::channel(0);
        let waits = Arc::clone(&go);
        let slow = move || async move {
            counter.send_modify(|asked| *asked += 1);
            waits.notified().await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(|| async { "soon" }))
            .route("/slow", get(slow));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_at_most(most, listener, router));
        Served {
            addr,
            go,
            asked,
            _tasks: tasks,
        }
    }

    async fn ask(addr: SocketAddr, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// What comes until `end`, or until the other side closes.
    async fn read_to(stream: &mut TcpStream, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            match stream.read_u8().await {
                Ok(byte) => text.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test]
    async fn a_client_is_served_beside_idle_ones() {
        let served = served(MAX_CONNECTIONS).await;
        let mut idle = Vec::new();
        for _ in 0..64 {
            let mut stream = ask(served.addr, "/").await;
            assert!(
                read_to(&mut stream, "soon")
                    .await
                    .starts_with("HTTP/1.1 200")
            );
            idle.push(stream);
        }
        let mut one_more = ask(served.addr, "/").await;
        assert!(
            read_to(&mut one_more, "soon")
                .await
                .starts_with("HTTP/1.1 200")
        );
        drop(idle);
    }

    #[tokio::test]
    async fn idle_connections_make_room_and_busy_ones_do_not() {
        let mut served = served(2).await;
        let mut idle = ask(served.addr, "/").await;
        read_to(&mut idle, "soon").await;
        let mut busy = ask(served.addr, "/slow").await;
        served.asked.wait_for(|asked| *asked == 1).await.unwrap();
        let mut third = ask(served.addr, "/slow").await;
        served.asked.wait_for(|asked| *asked == 2).await.unwrap();
        assert_eq!(read_to(&mut idle, "nothing").await, "", "it was closed");
        // Both are busy now, and nobody goes.
        let mut fourth = ask(served.addr, "/").await;
        let refused = read_to(&mut fourth, "connections\n").await;
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        served.go.notify_waiters();
        for stream in [&mut busy, &mut third] {
            let answer = read_to(stream, "slow").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let mut last = ask(served.addr, "/").await;
        assert!(read_to(&mut last, "soon").await.starts_with("HTTP/1.1 200"));
    }
}
