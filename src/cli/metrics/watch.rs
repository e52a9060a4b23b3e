//! Scrapes all chosen nodes a few times, evenly over a while.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::digest::Shot;
use super::scrape::Scrape;
use crate::client::http;
use crate::spec::{NodeId, Ports};

/// Scrapes after the first: enough for a course, few enough to cost a node nothing.
const STEPS: u32 = 10;
/// A node that is silent for so long is told as silent.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A node that was watched.
#[derive(Debug)]
pub(super) struct Watched {
    /// Which.
    pub(super) node: NodeId,
    /// What it told, the oldest first.
    pub(super) shots: Vec<Shot>,
    /// Why it did not tell the last time it was asked; `None` when it did.
    pub(super) silent: Option<String>,
}

/// Watches nodes over a while; a silent one makes it one answer's deadline longer at most.
pub(super) async fn watch(nodes: &[(NodeId, Ports)], over: Duration) -> Vec<Watched> {
    let began = Instant::now();
    join_all(nodes.iter().map(|node| watch_one(*node, began, over))).await
}

async fn watch_one((node, ports): (NodeId, Ports), began: Instant, over: Duration) -> Watched {
    let mut watched = Watched {
        node,
        shots: Vec::new(),
        silent: None,
    };
    let mut step = 0;
    while step <= STEPS {
        sleep_until(began + over * step / STEPS).await;
        watched.take(scrape(ports, began).await);
        // What a slow answer has missed is not made up for, but the last look is always made.
        step = (step + 1).max(steps_in(began.elapsed(), over).min(STEPS));
    }
    watched
}

/// The step that is due next.
fn steps_in(elapsed: Duration, over: Duration) -> u32 {
    let share = elapsed.as_secs_f64() / over.as_secs_f64();
    (share * f64::from(STEPS)).ceil() as u32
}

impl Watched {
    fn take(&mut self, answer: Result<Shot, String>) {
        match answer {
            Ok(shot) => {
                self.shots.push(shot);
                self.silent = None;
            }
            Err(reason) => self.silent = Some(reason),
        }
    }
}

/// The moment is that of the answer: the numbers are read when the node writes it.
async fn scrape(ports: Ports, began: Instant) -> Result<Shot, String> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.metrics));
    let answer = http::get(addr, "/metrics", ANSWER_WITHIN).await;
    let at = began.elapsed();
    let (code, body) = answer.map_err(|error| error.to_string())?;
    if code != 200 {
        return Err(format!("{addr} answers with HTTP status {code}"));
    }
    let scrape = Scrape::parse(&String::from_utf8_lossy(&body));
    let scrape = scrape.map_err(|error| format!("{addr}: {error}"))?;
    Ok(Shot { at, scrape })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn ports(metrics: u16) -> Ports {
        Ports {
            kafka: 1,
            raft: 1,
            metrics,
            search: None,
        }
    }

    /// Answers one request with this body.
    async fn answer(body: &str) -> Result<Shot, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
        };
        tokio::join!(serve, scrape(ports(port), Instant::now())).1
    }

    #[test]
    fn missed_steps_are_counted() {
        let over = Duration::from_secs(2);
        let steps = [0, 190, 200, 201, 1_900, 5_000];
        let steps = steps.map(|ms| steps_in(Duration::from_millis(ms), over));
        assert_eq!(steps, [0, 1, 1, 2, 10, 25]);
    }

    #[tokio::test]
    async fn a_node_that_hangs_is_asked_twice_at_most() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nodes = [(NodeId(1), ports(listener.local_addr().unwrap().port()))];
        let watched = watch(&nodes, Duration::from_millis(10)).await;
        assert!(
            watched[0]
                .silent
                .as_ref()
                .unwrap()
                .contains("did not answer")
        );
        let mut asked = 0;
        while let Ok(Ok(_)) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
            asked += 1;
        }
        assert_eq!(asked, 2);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_metrics_is_told_with_its_line() {
        assert!(answer("a 1\n").await.is_ok());
        let error = answer("<html>\n").await.unwrap_err();
        assert!(
            error.contains("line 1 is not in Prometheus' text format"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_node_that_is_not_there_is_silent_with_its_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let nodes = [(NodeId(1), ports(port))];
        let watched = watch(&nodes, Duration::from_millis(10)).await;
        assert!(watched[0].shots.is_empty());
        let reason = watched[0].silent.as_ref().unwrap();
        assert!(reason.contains("cannot connect"), "{reason}");
    }
}
