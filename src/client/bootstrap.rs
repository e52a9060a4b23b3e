//! From a list of addresses to a broker that answers.
//!
//! Addresses are tried in their order, once each, and one that is silent holds nobody up: the next
//! is asked beside it a moment later. What is asked here has no effect on the cluster.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::admin::{Admin, ClusterView, resolve};
use super::error::{CallError, ClientError};

/// A broker of this machine that has not answered by then is slow: the next one is asked, too.
const SLOW: Duration = Duration::from_millis(100);

/// Why no broker is there to be called.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The list is empty.
    #[error("no bootstrap address was given")]
    Empty,
    /// Not of the form HOST:PORT, or the host has no address.
    #[error("{0:?} is not an address of the form HOST:PORT that can be resolved")]
    Address(String),
    /// Nobody answers; each address with its reason.
    #[error("no broker answers ({})", reasons(.0))]
    Unreachable(Vec<CallError>),
}

fn reasons(errors: &[CallError]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

/// Reads `HOST:PORT,HOST:PORT`; IPv4 is preferred where a host has both.
pub async fn parse(text: &str) -> Result<Vec<SocketAddr>, BootstrapError> {
    let mut addrs = Vec::new();
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        addrs.push(parse_one(word).await?);
    }
    if addrs.is_empty() {
        return Err(BootstrapError::Empty);
    }
    Ok(addrs)
}

async fn parse_one(word: &str) -> Result<SocketAddr, BootstrapError> {
    if let Ok(addr) = word.parse() {
        return Ok(addr);
    }
    let wrong = || BootstrapError::Address(word.to_owned());
    let (host, port) = word.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_no_number| wrong())?;
    resolve(host, port).await.ok_or_else(wrong)
}

/// The first broker that answers, and the cluster (without its topics) as it sees it; each has
/// `timeout`.
pub async fn any(
    bootstrap: &[SocketAddr],
    timeout: Duration,
) -> Result<(Admin, ClusterView), BootstrapError> {
    let (mut errors, mut asked) = (Vec::new(), FuturesUnordered::new());
    let mut left = bootstrap.iter();
    loop {
        let next = left.next();
        asked.extend(next.map(|addr| view_of(*addr, timeout)));
        let answer = match tokio::time::timeout(SLOW, asked.next()).await {
            Ok(answer) => answer,
            Err(_slow) if next.is_some() => continue,
            Err(_slow) => asked.next().await,
        };
        match answer {
            Some(Ok(found)) => return Ok(found),
            Some(Err(error)) => errors.push(error),
            None if errors.is_empty() => return Err(BootstrapError::Empty),
            None => return Err(BootstrapError::Unreachable(errors)),
        }
    }
}

async fn view_of(addr: SocketAddr, timeout: Duration) -> Result<(Admin, ClusterView), CallError> {
    let asking = async {
        let admin = Admin::connect(addr, timeout).await?;
        let view = admin.metadata(Some(&[])).await?;
        Ok((admin, view))
    };
    let asked = tokio::time::timeout(timeout, asking).await;
    asked.unwrap_or_else(|_elapsed| {
        let after = timeout;
        Err(ClientError::Timeout { addr, after }.into())
    })
}

/// The controller: the broker that creates and deletes topics.
pub async fn controller(
    bootstrap: &[SocketAddr],
    timeout: Duration,
) -> Result<Admin, BootstrapError> {
    let (admin, view) = any(bootstrap, timeout).await?;
    let controller = view.controller.and_then(|node| view.addr(node));
    match controller {
        Some(addr) if addr != admin.addr() => {
            let connected = Admin::connect(addr, timeout).await;
            connected.map_err(|error: ClientError| {
                BootstrapError::Unreachable(vec![CallError::Client(error)])
            })
        }
        // Brokers that name none pass such calls on.
        _ => Ok(admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::FakeCluster;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_list_is_read_and_a_wrong_word_is_named() {
        let addrs = parse("127.0.0.1:9092, localhost:9192").await.unwrap();
        assert_eq!(addrs[0], "127.0.0.1:9092".parse().unwrap());
        assert!(addrs[1].ip().is_loopback());
        let error = parse("127.0.0.1:9092,nowhere").await.unwrap_err();
        assert!(error.to_string().starts_with("\"nowhere\" is not"));
        assert!(matches!(parse(" ,").await, Err(BootstrapError::Empty)));
    }

    #[tokio::test]
    async fn the_first_that_answers_is_taken() {
        let mut cluster = FakeCluster::start(3).await;
        cluster.kill(1).await;
        let addrs = cluster.addrs();
        let (admin, view) = any(&addrs, SOON).await.unwrap();
        assert_eq!(admin.addr(), addrs[1]);
        assert_eq!(view.brokers.len(), 3);
        // The fake's controller is the broker that is gone.
        let error = controller(&addrs, SOON).await.unwrap_err();
        assert!(matches!(error, BootstrapError::Unreachable(_)));
    }

    #[tokio::test]
    async fn a_silent_one_does_not_hold_up_the_others() {
        let cluster = FakeCluster::start(3).await;
        let addrs = cluster.addrs();
        cluster.mute(1);
        // A wait for the silent one would not end.
        let long = Duration::from_hours(1);
        let found = tokio::time::timeout(SOON, any(&addrs, long)).await;
        assert_eq!(found.unwrap().unwrap().0.addr(), addrs[1]);
    }
}
