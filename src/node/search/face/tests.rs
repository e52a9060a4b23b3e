//! The limits of the HTTP face that need no cluster: bodies, methods and media types.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::asked::Asked;

async fn echo(asked: Asked) -> Response {
    asked.answer(asked.json())
}

async fn named(names: super::Names, asked: Asked) -> Response {
    asked.answer(Ok(names.0))
}

async fn placed(
    super::InPath((topic, id)): super::InPath<(String, String)>,
    asked: Asked,
) -> Response {
    asked.answer(Ok([topic, id]))
}

/// The routes of a face whose answers are what it was asked.
fn routes() -> Router {
    Router::new()
        .route("/", get(echo).post(echo))
        .route("/{topic}/_count", get(named))
        .route("/{topic}/_doc/{id}", get(placed))
        .fallback(super::nothing_here)
        .method_not_allowed_fallback(super::wrong_method)
        .layer(axum::middleware::map_response(super::with_product))
        .layer(axum::middleware::from_fn(super::local_only))
}

async fn answer(request: Request<Body>) -> (StatusCode, Value) {
    let response = routes()
        .oneshot(request)
        .await
        .expect("routes always answer");
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/?pretty")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .expect("a request")
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_limit() {
    assert_eq!(
        answer(post("{\"a\":1}")).await,
        (StatusCode::OK, json!({ "a": 1 }))
    );
    let text = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    assert_eq!(answer(post(text)).await.0, StatusCode::OK);
    let (status, body) = answer(post("x".repeat((1 << 20) + 1))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body["error"]["type"], "content_too_long_exception");
    assert_eq!(body["status"], 413);
}

#[tokio::test]
async fn deep_json_is_an_error() {
    for open in ["[", "{\"bool\":{\"must\":"] {
        let (status, body) = answer(post(open.repeat(1000))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["error"]["type"], "parsing_exception");
        let reason = body["error"]["reason"].as_str().expect("a reason");
        assert!(reason.contains("nested deeper"), "{reason}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused_in_shape() {
    for (uri, answered) in [
        ("/a%20b/_count", Some(json!("a b"))),
        ("/a/_doc/0-1", Some(json!(["a", "0-1"]))),
        ("/%ff%fe/_count", None),
        ("/%ff%fe/_doc/0-1", None),
    ] {
        let request = Request::get(uri).header(header::HOST, "localhost");
        let (status, body) = answer(request.body(Body::empty()).expect("a request")).await;
        if let Some(answered) = answered {
            assert_eq!((status, body), (StatusCode::OK, answered), "{uri}");
        } else {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}");
            assert_eq!(body["error"]["type"], "illegal_argument_exception", "{uri}");
        }
    }
}

#[tokio::test]
async fn what_is_not_served_is_said() {
    let put = Request::put("/").header(header::HOST, "localhost");
    let (status, body) = answer(put.body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(body["status"], 405);
    let other = Request::get("/orders/_update/1").header(header::HOST, "localhost");
    let (status, body) = answer(other.body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let reason = body["error"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("/orders/_update/1"), "{reason}");
}

#[tokio::test]
async fn strangers_are_turned_away() {
    for (host, origin) in [
        ("evil.example", None),
        ("localhost", Some("http://evil.example")),
    ] {
        let mut request = post("{}");
        request
            .headers_mut()
            .insert(header::HOST, host.parse().expect("a host"));
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert(header::ORIGIN, origin.parse().expect("an origin"));
        }
        let (status, body) = answer(request).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{host} {origin:?}");
        assert_eq!(body["error"]["type"], "security_exception", "{body}");
    }
}

#[tokio::test]
async fn a_form_of_a_foreign_page_is_no_query() {
    let mut request = post("{}");
    let form = "application/x-www-form-urlencoded".parse().expect("a type");
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    assert_eq!(answer(request).await.0, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn every_answer_names_the_product() {
    for uri in ["/", "/nope/nope/nope"] {
        let request = Request::get(uri).header(header::HOST, "localhost");
        let request = request.body(Body::empty()).expect("a request");
        let response = routes()
            .oneshot(request)
            .await
            .expect("routes always answer");
        assert_eq!(
            response.headers()["x-elastic-product"],
            "Elasticsearch",
            "{uri}"
        );
    }
}
