//! The node's HTTP face on its metrics port: health, status and metrics. Loopback only, read only.

mod guard;
mod metrics;
mod serve;
mod status;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(in crate::node) use self::guard::{LOCAL_ONLY, is_local};
pub(in crate::node) use self::serve::serve_router;
use super::broker::BrokerStats;
use super::cluster::{Cluster, Readiness};
use crate::spec::NodeStatus;
use metrics::Format;
pub(in crate::node) use metrics::{SearchLag, SearchLags};

/// What the routes answer from.
#[derive(Clone)]
pub(in crate::node) struct Face {
    inner: Arc<Inner>,
}

/// Where a face's numbers come from.
pub(in crate::node) struct Sources {
    /// The groups, the disk and the links.
    pub(in crate::node) cluster: Cluster,
    /// What the broker counts.
    pub(in crate::node) broker: Arc<BrokerStats>,
    /// How far search is behind; `None` while there is no search.
    pub(in crate::node) search: Option<SearchLags>,
}

struct Inner {
    cluster: Cluster,
    broker: Arc<BrokerStats>,
    search: Option<SearchLags>,
    ready: watch::Receiver<Readiness>,
    leaving: watch::Receiver<bool>,
    started: Instant,
}

impl Face {
    /// The face of a node.
    pub(in crate::node) fn new(
        sources: Sources,
        ready: watch::Receiver<Readiness>,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        let started = Instant::now();
        let Sources {
            cluster,
            broker,
            search,
        } = sources;
        Self {
            inner: Arc::new(Inner {
                cluster,
                broker,
                search,
                ready,
                leaving,
                started,
            }),
        }
    }

    /// What `/status` tells.
    pub(in crate::node) fn status(&self) -> NodeStatus {
        status::of(&self.inner)
    }
}

/// Serves one listener until it fails.
pub(in crate::node) async fn serve(listener: TcpListener, face: Face) {
    serve_router(listener, router(face)).await;
}

fn router(face: Face) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .layer(axum::middleware::from_fn(guard::local_only))
        .with_state(face)
}

async fn ready(State(face): State<Face>) -> Response {
    let readiness = face.inner.ready.borrow().clone();
    match readiness {
        _ if *face.inner.leaving.borrow() => {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: leaving\n").into_response()
        }
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: waiting for {reason}\n"),
        )
            .into_response(),
    }
}

async fn status(State(face): State<Face>) -> Response {
    Json(status::of(&face.inner)).into_response()
}

async fn metrics(State(face): State<Face>, headers: HeaderMap) -> Response {
    let format = Format::asked_for(&headers);
    let answer_varies = (header::VARY, "accept");
    match metrics::text(&face.inner, format) {
        Ok(text) => {
            let content_type = (header::CONTENT_TYPE, format.content_type());
            ([content_type, answer_varies], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
