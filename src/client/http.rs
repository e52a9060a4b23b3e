//! HTTP: GET for health, status and metrics, POST of JSON for search.
//!
//! Promises a deadline over the whole exchange and a bounded body. [`get`] keeps no connection; a
//! [`Conversation`] is one connection for who asks often, and ends with the first thing that goes
//! wrong. Neither follows a redirect, connects anew or retries anything.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::request::Builder;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The largest body that is taken: far above any `/metrics` of ours.
pub const MAX_BODY: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody listens there, or the system would not connect.
    #[error("cannot connect to {addr}: {source}")]
    Connect {
        /// What was dialled.
        addr: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The deadline passed first.
    #[error("{addr} did not answer within {after:?}")]
    Timeout {
        /// What was dialled.
        addr: SocketAddr,
        /// How long was waited.
        after: Duration,
    },
    /// The path cannot be sent.
    #[error("{path:?} is not a path that can be asked for: {source}")]
    Path {
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        source: hyper::http::Error,
    },
    /// The exchange broke, or what came back is not HTTP.
    #[error("{addr} broke the exchange: {source}")]
    Exchange {
        /// What was dialled.
        addr: SocketAddr,
        /// What broke.
        source: hyper::Error,
    },
    /// The body passes [`MAX_BODY`].
    #[error("the answer of {addr} is larger than {MAX_BODY} bytes")]
    TooLarge {
        /// What was dialled.
        addr: SocketAddr,
    },
}

/// Asks `addr` for `path` and returns the status code and the body.
pub async fn get(
    addr: SocketAddr,
    path: &str,
    timeout: Duration,
) -> Result<(u16, Bytes), HttpError> {
    let request = request((Request::get(path), path), addr, ("close", Bytes::new()))?;
    within(addr, timeout, exchange(addr, request)).await
}

/// Sends JSON to `path` of `addr` and returns the status code and the body.
pub async fn post(
    addr: SocketAddr,
    path: &str,
    json: Bytes,
    timeout: Duration,
) -> Result<(u16, Bytes), HttpError> {
    let builder = Request::post(path).header("content-type", "application/json");
    let request = request((builder, path), addr, ("close", json))?;
    within(addr, timeout, exchange(addr, request)).await
}

fn request(
    (builder, path): (Builder, &str),
    addr: SocketAddr,
    (connection, body): (&str, Bytes),
) -> Result<Request<Full<Bytes>>, HttpError> {
    builder
        .header("host", addr.to_string())
        .header("connection", connection)
        .body(Full::new(body))
        .map_err(|source| HttpError::Path {
            path: path.to_owned(),
            source,
        })
}

async fn exchange(
    addr: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<(u16, Bytes), HttpError> {
    let (mut sender, connection) = connect(addr).await?;
    let answer = ask(addr, &mut sender, request);
    drive(connection, answer).await
}

type Link = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

async fn connect(addr: SocketAddr) -> Result<(SendRequest<Full<Bytes>>, Link), HttpError> {
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|source| HttpError::Connect { addr, source })?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    shaken.map_err(|source| HttpError::Exchange { addr, source })
}

async fn ask(
    addr: SocketAddr,
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(u16, Bytes), HttpError> {
    let response = sender.send_request(request).await;
    let response = response.map_err(|source| HttpError::Exchange { addr, source })?;
    let status = response.status().as_u16();
    Ok((status, body(addr, response.into_body()).await?))
}

/// One connection, asked again and again; after an error it is of no more use.
#[derive(Debug)]
pub struct Conversation {
    addr: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection, and ends with the conversation.
    _driver: JoinSet<()>,
}

impl Conversation {
    /// Connects to `addr`.
    pub async fn open(addr: SocketAddr, timeout: Duration) -> Result<Self, HttpError> {
        let (sender, connection) = within(addr, timeout, connect(addr)).await?;
        let mut driver = JoinSet::new();
        // Whoever asks hears of its end.
        driver.spawn(async move { drop(connection.await) });
        Ok(Self {
            addr,
            sender,
            _driver: driver,
        })
    }

    /// Asks for `path` and returns the status code and the body.
    pub async fn get(&mut self, path: &str, timeout: Duration) -> Result<(u16, Bytes), HttpError> {
        let addr = self.addr;
        let request = request(
            (Request::get(path), path),
            addr,
            ("keep-alive", Bytes::new()),
        )?;
        let exchange = async {
            let ready = self.sender.ready().await;
            ready.map_err(|source| HttpError::Exchange { addr, source })?;
            ask(addr, &mut self.sender, request).await
        };
        within(addr, timeout, exchange).await
    }
}

async fn within<T>(
    addr: SocketAddr,
    timeout: Duration,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done,
        Err(_elapsed) => Err(HttpError::Timeout {
            addr,
            after: timeout,
        }),
    }
}

/// Runs the connection beside the exchange until the exchange has its answer.
async fn drive<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    answer: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        // An ended connection has handed over all that it read, or its error.
        _ended = &mut connection => answer.await,
    }
}

async fn body(addr: SocketAddr, incoming: Incoming) -> Result<Bytes, HttpError> {
    match Limited::new(incoming, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge { addr }),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(source) => Err(HttpError::Exchange {
                addr,
                source: *source,
            }),
            Err(_other) => Err(HttpError::TooLarge { addr }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_secs(5);

    /// Answers one request with `reply` and closes; returns what was asked beside what came back.
    async fn ask(path: &str, reply: &[u8]) -> (String, Result<(u16, Bytes), HttpError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
            }
            // The client may leave before it has read all of an answer that is too large.
            let _ = stream.write_all(reply).await;
            String::from_utf8(asked).unwrap()
        };
        tokio::join!(serve, get(addr, path, SOON))
    }

    #[tokio::test]
    async fn a_status_and_a_body_come_back() {
        let reply = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\nnot ready";
        let (asked, answer) = ask("/health/ready", reply).await;
        assert!(asked.starts_with("GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1:"));
        assert_eq!(answer.unwrap(), (503, Bytes::from("not ready")));
    }

    #[tokio::test]
    async fn json_is_sent_with_its_type_and_length() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"{}") {
                assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
            }
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1";
            stream.write_all(reply).await.unwrap();
            String::from_utf8(asked).unwrap()
        };
        let sent = post(addr, "/_search", Bytes::from("{}"), SOON);
        let (asked, answer) = tokio::join!(serve, sent);
        assert!(asked.starts_with("POST /_search HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains("content-type: application/json\r\n"),
            "{asked}"
        );
        assert!(asked.contains("content-length: 2\r\n"), "{asked}");
        assert_eq!(answer.unwrap(), (200, Bytes::from("1")));
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_the_connection() {
        let (_, answer) = ask("/", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc").await;
        assert_eq!(answer.unwrap(), (200, Bytes::from("abc")));
    }

    #[tokio::test]
    async fn a_cut_body_is_no_answer() {
        let (_, answer) = ask("/", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await;
        assert!(matches!(answer, Err(HttpError::Exchange { .. })));
    }

    #[tokio::test]
    async fn too_large_a_body_is_refused() {
        let mut reply = b"HTTP/1.1 200 OK\r\ncontent-length: 16777217\r\n\r\n".to_vec();
        reply.resize(reply.len() + MAX_BODY + 1, b'x');
        let (_, answer) = ask("/", &reply).await;
        assert!(matches!(answer, Err(HttpError::TooLarge { .. })));
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answer = get(addr, "/", Duration::from_millis(20)).await;
        assert!(matches!(answer, Err(HttpError::Timeout { .. })));
    }

    #[tokio::test]
    async fn nobody_there_is_a_refusal() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let answer = get(addr, "/", SOON).await;
        assert!(matches!(answer, Err(HttpError::Connect { .. })));
        let answer = get(addr, "not a path", SOON).await;
        assert!(matches!(answer, Err(HttpError::Path { .. })));
    }

    #[tokio::test]
    async fn a_conversation_asks_twice_over_one_connection_and_ends_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for reply in [&b"one"[..], b"two"] {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
                }
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
                stream.write_all(&[head, reply].concat()).await.unwrap();
            }
        };
        let converse = async {
            let mut conversation = Conversation::open(addr, SOON).await.unwrap();
            for reply in ["one", "two"] {
                let (_, body) = conversation.get("/", SOON).await.unwrap();
                assert_eq!(body, reply);
            }
            conversation
        };
        let ((), mut conversation) = tokio::join!(serve, converse);
        let ended = conversation.get("/", SOON).await;
        assert!(matches!(ended, Err(HttpError::Exchange { .. })));
    }

    #[tokio::test]
    async fn a_conversation_with_somebody_silent_ends_at_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut conversation = Conversation::open(addr, SOON).await.unwrap();
        let answer = conversation.get("/", Duration::from_millis(20)).await;
        assert!(matches!(answer, Err(HttpError::Timeout { .. })));
    }
}
