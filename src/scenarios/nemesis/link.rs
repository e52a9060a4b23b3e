//! A probe of the way from one node to another: the relay that one dials to reach the other.
//!
//! Whoever connects there and says the HTTP/2 preface is answered with the other node's settings at
//! once, if bytes pass in both directions; where they do not, there is silence or a reset.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::spec::{NodeId, NodeSpec, unseal};
use crate::supervisor::ClusterDir;

/// The preface of RFC 9113 and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Where a node dials another.
pub(super) fn way(dir: &ClusterDir, from: NodeId, to: NodeId) -> Result<SocketAddr, String> {
    let path = dir.node_spec(from);
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let spec: NodeSpec = unseal(&text).map_err(|error| error.to_string())?;
    let peer = spec.peers.iter().find(|peer| peer.id == to);
    let peer = peer.ok_or_else(|| format!("{from} does not know {to}"))?;
    Ok(peer.dial)
}

/// Whether the other end answers within `patience`; else how it does not.
pub(super) async fn answers(way: SocketAddr, patience: Duration) -> Result<(), String> {
    let asked = async {
        let mut stream = TcpStream::connect(way).await?;
        stream.write_all(PREFACE).await?;
        match stream.read(&mut [0; 9]).await? {
            0 => Err(io::Error::other("the end of the stream")),
            _ => Ok(()),
        }
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err(format!("silence for {} ms", patience.as_millis())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn silence_and_refusal_are_told_apart_from_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let silent = answers(addr, SOON).await.unwrap_err();
        assert_eq!(silent, "silence for 50 ms");
        let (mut held, _) = listener.accept().await.unwrap();
        drop(held.shutdown().await);
        let greet = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"settings").await.unwrap();
            // Held open until the prober leaves.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        };
        let (answered, ()) = tokio::join!(answers(addr, SOON), greet);
        assert_eq!(answered, Ok(()));
        drop(listener);
        assert!(answers(addr, SOON).await.is_err());
    }
}
