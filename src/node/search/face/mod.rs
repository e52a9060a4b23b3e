//! Search's HTTP face: Elasticsearch's read-only words on the node's search port, and a page.
//!
//! Any node answers for the whole cluster. Loopback only, nothing changes state, and whatever is
//! not served is refused by name in Elasticsearch's error shape.

mod about;
mod aggregated;
mod asked;
mod cat;
mod document;
mod health;
mod hits;
mod many;
mod mapping;
mod page;
mod parse;
mod refusal;
mod search;
mod topics;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use self::asked::Asked;
use self::refusal::Refusal;
use super::fan_out::FanOut;
use crate::node::http;

/// Questions about the cluster's state are answered within this time.
const SOON: Duration = Duration::from_secs(2);

/// What the routes answer from.
#[derive(Clone)]
pub(in crate::node) struct Face {
    fan: FanOut,
    node: http::Face,
}

impl Face {
    /// The face of a node's search; `node` tells of the node itself.
    pub(in crate::node) fn new(fan: FanOut, node: http::Face) -> Self {
        Self { fan, node }
    }
}

/// Serves one listener until it fails.
pub(in crate::node) async fn serve(listener: TcpListener, face: Face) {
    http::serve_router(listener, router(face)).await;
}

/// A topic's name, or several with commas and stars, where the path has them.
struct Names(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let names = <Option<Path<String>>>::from_request_parts(parts, state).await;
        let names = names.map_err(|rejection| no_path(&rejection))?;
        Ok(Self(names.map(|Path(names)| names)))
    }
}

/// What a path must have.
struct InPath<T>(T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = Path::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|rejection| no_path(&rejection))?;
        Ok(Self(path))
    }
}

/// A path that is no text.
fn no_path(rejection: &PathRejection) -> Response {
    let reason = parse::shown(&rejection.body_text());
    bare(&Refusal::argument(reason))
}

/// A refusal before it is known how the client wants to be answered.
fn bare(refusal: &Refusal) -> Response {
    (refusal.status, Json(refusal.body())).into_response()
}

/// Only this machine is answered; in the shape of the other refusals.
async fn local_only(request: Request, next: Next) -> Response {
    if http::is_local(request.headers()) {
        return next.run(request).await;
    }
    let kind = "security_exception";
    bare(&Refusal::new(StatusCode::FORBIDDEN, kind, http::LOCAL_ONLY))
}

fn router(face: Face) -> Router {
    let search = get(search).post(self::search);
    let count = get(count).post(self::count);
    let many = get(many).post(self::many);
    Router::new()
        .route("/", get(root))
        .route("/_search", search.clone())
        .route("/{topic}/_search", search)
        .route("/_count", count.clone())
        .route("/{topic}/_count", count)
        .route("/_msearch", many.clone())
        .route("/{topic}/_msearch", many)
        .route("/{topic}/_doc/{id}", get(document))
        .route("/_mapping", get(mapping))
        .route("/{topic}/_mapping", get(mapping))
        .route("/_cat/indices", get(indices))
        .route("/_cat/indices/{topic}", get(indices))
        .route("/_cluster/health", get(cluster_health))
        .route("/_cluster/health/{topic}", get(cluster_health))
        .route("/_ui", get(page::page))
        .route("/_ui/", get(page::page))
        .route("/_ui/cluster", get(page_data))
        .route("/{topic}", get(topic))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::map_response(with_product))
        .layer(axum::middleware::from_fn(local_only))
        .with_state(face)
}

/// The official clients look for this before they believe in a server.
async fn with_product(mut response: Response) -> Response {
    let product = HeaderName::from_static("x-elastic-product");
    let value = HeaderValue::from_static("Elasticsearch");
    response.headers_mut().insert(product, value);
    response
}

async fn root(State(face): State<Face>, asked: Asked) -> Response {
    let about = parse::Params::read(asked.line(), &[]).map(|_| about::about(&face));
    asked.answer(about)
}

async fn search(State(face): State<Face>, names: Names, asked: Asked) -> Response {
    let answer = search::search(&face, name(&names), &asked).await;
    asked.answer_with_text(answer)
}

async fn count(State(face): State<Face>, names: Names, asked: Asked) -> Response {
    let answer = search::count(&face, name(&names), &asked).await;
    asked.answer(answer)
}

async fn many(State(face): State<Face>, names: Names, asked: Asked) -> Response {
    let answer = many::many(&face, name(&names), &asked).await;
    asked.answer_with_text(answer)
}

async fn document(
    State(face): State<Face>,
    InPath((topic, id)): InPath<(String, String)>,
    asked: Asked,
) -> Response {
    let answer = document::document(&face, (&topic, &id), &asked).await;
    asked.answer_with_status(answer)
}

async fn mapping(State(face): State<Face>, names: Names, asked: Asked) -> Response {
    let answer = mapping::mapping(&face, name(&names), &asked).await;
    asked.answer(answer)
}

async fn topic(
    State(face): State<Face>,
    InPath(topic): InPath<String>,
    (method, uri, asked): (Method, Uri, Asked),
) -> Response {
    match mapping::topic(&face, &topic, &asked).await {
        // `_nodes` and its like are no topics that are missing.
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND && topic.starts_with('_') => {
            nothing_here(method, uri, asked).await
        }
        answer => asked.answer(answer),
    }
}

async fn indices(State(face): State<Face>, names: Names, asked: Asked) -> Response {
    match cat::indices(&face, name(&names), &asked).await {
        Ok(cat::Listing::Json(value)) => asked.answer(Ok(value)),
        Ok(cat::Listing::Text(text)) => text.into_response(),
        Err(refusal) => asked.refuse(&refusal),
    }
}

async fn cluster_health(State(face): State<Face>, names: Names, asked: Asked) -> Response {
    let answer = health::health(&face, name(&names), &asked).await;
    asked.answer_with_status(answer)
}

async fn page_data(State(face): State<Face>, asked: Asked) -> Response {
    let data = page::cluster(&face).await;
    asked.answer(Ok(data))
}

fn name(names: &Names) -> Option<&str> {
    names.0.as_deref()
}

async fn nothing_here(method: Method, uri: Uri, asked: Asked) -> Response {
    let reason = format!(
        "no handler found for uri [{}] and method [{method}]: served are _search, _count, \
         _msearch, _doc, _mapping, _cat/indices and _cluster/health, for reading",
        parse::shown(uri.path())
    );
    asked.refuse(&Refusal::argument(reason))
}

async fn wrong_method(method: Method, uri: Uri, asked: Asked) -> Response {
    let reason = format!(
        "incorrect HTTP method for uri [{}] and method [{method}]: nothing here changes anything, \
         records come in by Kafka's protocol",
        parse::shown(uri.path())
    );
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "illegal_argument_exception",
        reason,
    );
    asked.refuse(&refusal)
}

/// The present moment in ms since the epoch.
fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as i64)
}

/// Ms since a moment, as `took` has them.
fn took(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

/// What comes of work that must end at `until`; `None` when it did not.
async fn by<T>(until: Instant, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(until.into(), work).await.ok()
}
