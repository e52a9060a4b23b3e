//! Only local pages and tools: a foreign Host (DNS rebinding) or Origin is refused.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Why others are turned away.
pub(in crate::node) const LOCAL_ONLY: &str = "only localhost, 127.0.0.1 and [::1] are served here";

/// Lets a request through when its Host, and its Origin if it has one, are this machine.
pub(super) async fn local_only(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, format!("{LOCAL_ONLY}\n")).into_response()
}

/// Whether a request comes from this machine, and from no foreign page.
pub(in crate::node) fn is_local(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or_default());
    host.is_some_and(local_authority)
        && origin.is_none_or(|origin| origin.strip_prefix("http://").is_some_and(local_authority))
}

fn local_authority(authority: &str) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn this_machine_is_let_in() {
        for host in [
            "localhost",
            "localhost:9094",
            "127.0.0.1:9094",
            "[::1]:9094",
        ] {
            assert!(is_local(&headers(host, None)), "{host}");
        }
        assert!(is_local(&headers(
            "localhost:9094",
            Some("http://localhost:9095")
        )));
    }

    #[test]
    fn rebinding_and_foreign_pages_are_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9094",
            "0.0.0.0",
        ] {
            assert!(!is_local(&headers(host, None)), "{host}");
        }
        assert!(!is_local(&headers(
            "localhost",
            Some("http://evil.example")
        )));
        assert!(!is_local(&headers("localhost", Some("null"))));
        assert!(!is_local(&HeaderMap::new()));
    }
}
