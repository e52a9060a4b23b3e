//! A request as the routes see it, and how its answer is written.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde_json::Value;

use super::parse::shown;
use super::refusal::Refusal;

/// The largest body that is taken.
const MAX_BODY: usize = 1 << 20;
/// A body that is not there by then is not waited for.
const BODY_DEADLINE: Duration = Duration::from_secs(5);
/// Elasticsearch's own media type, of one major version or another.
const VENDOR: &str = "application/vnd.elasticsearch+json";
const VENDOR_LINES: &str = "application/vnd.elasticsearch+x-ndjson";
/// Major versions whose clients are answered in their own media type.
const MAJORS: [&str; 2] = ["8", "9"];

/// One request, its body in memory.
#[derive(Debug)]
pub(super) struct Asked {
    line: String,
    body: Bytes,
    media: HeaderValue,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let line = parts.uri.query().unwrap_or_default().to_owned();
        let mut asked = Self {
            line,
            body: Bytes::new(),
            media: HeaderValue::from_static("application/json"),
        };
        match asked.read(&parts.headers, body).await {
            Ok(()) => Ok(asked),
            Err(refusal) => Err(asked.refuse(&refusal)),
        }
    }
}

impl Asked {
    async fn read(&mut self, headers: &HeaderMap, body: Body) -> Result<(), Refusal> {
        self.media = accepted(headers)?;
        let too_large = || Refusal::too_large(MAX_BODY);
        let read = Limited::new(body, MAX_BODY).collect();
        let read = tokio::time::timeout(BODY_DEADLINE, read).await;
        let read = read.map_err(|_| {
            let reason = format!("the body did not come within {BODY_DEADLINE:?}");
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout_exception", reason)
        })?;
        self.body = match read {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
            Err(_) => return Err(Refusal::argument("the body broke off")),
        };
        if self.body.is_empty() {
            return Ok(());
        }
        check_type(headers)
    }

    /// What stands behind the `?`.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// The body.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON; null for none.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        json(&self.body)
    }

    /// The answer.
    pub(super) fn answer(&self, answer: Result<impl Serialize, Refusal>) -> Response {
        self.answer_with_status(answer.map(|value| (StatusCode::OK, value)))
    }

    /// The answer with a status of its own.
    pub(super) fn answer_with_status(
        &self,
        answer: Result<(StatusCode, impl Serialize), Refusal>,
    ) -> Response {
        match answer {
            Ok((status, value)) => self.written(status, &value),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// Why there is no other answer.
    pub(super) fn refuse(&self, refusal: &Refusal) -> Response {
        self.written(refusal.status, &refusal.body())
    }

    /// An answer that is text already.
    pub(super) fn answer_with_text(&self, answer: Result<String, Refusal>) -> Response {
        match answer {
            Ok(text) => self.text(StatusCode::OK, text),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn written(&self, status: StatusCode, value: &impl Serialize) -> Response {
        match self.style().write(value) {
            Ok(text) => self.text(status, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }

    fn text(&self, status: StatusCode, text: String) -> Response {
        let media = [(header::CONTENT_TYPE, self.media.clone())];
        (status, media, text).into_response()
    }

    /// How the answer is written.
    pub(super) fn style(&self) -> Style {
        let mut params = form_urlencoded::parse(self.line.as_bytes());
        if params.any(|(key, value)| key == "pretty" && value != "false") {
            Style::Pretty
        } else {
            Style::Compact
        }
    }
}

/// How JSON is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// For programs.
    Compact,
    /// For people, with a line break at the end.
    Pretty,
}

impl Style {
    /// Writes it.
    pub(super) fn write<T: Serialize>(self, value: &T) -> serde_json::Result<String> {
        match self {
            Self::Compact => serde_json::to_string(value),
            Self::Pretty => serde_json::to_string_pretty(value).map(|text| text + "\n"),
        }
    }
}

/// A body of one JSON value; null for an empty one.
pub(super) fn json(body: &[u8]) -> Result<Value, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    // serde_json refuses to go deeper than 128.
    serde_json::from_slice(body).map_err(|error| {
        let why = error.to_string();
        Refusal::parsing(if why.starts_with("recursion limit") {
            String::from("the body is JSON that is nested deeper than 127 levels, and is not read")
        } else {
            format!("the body is not JSON: {}", shown(&why))
        })
    })
}

/// The media type of the answer: Elasticsearch's own where it is asked for.
fn accepted(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let plain = HeaderValue::from_static("application/json");
    let Some(accept) = headers.get(header::ACCEPT) else {
        return Ok(plain);
    };
    let accept = accept.to_str().unwrap_or_default();
    let vendor = accept
        .split(',')
        .map(str::trim)
        .find(|media| media.starts_with(VENDOR));
    let Some(vendor) = vendor else {
        return Ok(plain);
    };
    let major = major(vendor)?;
    let media = format!("{VENDOR};compatible-with={major}");
    Ok(media.parse().unwrap_or(plain))
}

/// The major version that a media type names.
fn major(media: &str) -> Result<&'static str, Refusal> {
    let mut parts = media.split(';').skip(1).map(str::trim);
    let named = parts.find_map(|part| part.strip_prefix("compatible-with="));
    let named = named.unwrap_or(MAJORS[0]);
    let known = MAJORS.into_iter().find(|major| *major == named);
    known.ok_or_else(|| {
        let reason = format!(
            "[{}] is not served: compatible-with is {}",
            shown(media),
            MAJORS.join(" or ")
        );
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "media_type_header_exception",
            reason,
        )
    })
}

/// The body says what it is, so that no form of a foreign page passes for a query.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    const PLAIN: [&str; 2] = ["application/json", "application/x-ndjson"];
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.map_or("", |value| value.to_str().unwrap_or_default());
    let media = given.split(';').next().unwrap_or_default().trim();
    if media == VENDOR || media == VENDOR_LINES {
        return major(given).map(drop);
    }
    if PLAIN.contains(&media) {
        return Ok(());
    }
    let reason = format!(
        "Content-Type header [{}] is not supported: a body is application/json",
        shown(given)
    );
    Err(Refusal::new(
        StatusCode::NOT_ACCEPTABLE,
        "media_type_header_exception",
        reason,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_client_of_a_served_major_is_answered_in_kind() {
        let asked = "application/vnd.elasticsearch+json; compatible-with=8";
        let answered = accepted(&media(header::ACCEPT, asked)).unwrap();
        assert_eq!(
            answered,
            "application/vnd.elasticsearch+json;compatible-with=8"
        );
        assert_eq!(accepted(&HeaderMap::new()).unwrap(), "application/json");
        assert_eq!(
            accepted(&media(header::ACCEPT, "*/*")).unwrap(),
            "application/json"
        );
        let asked = "application/vnd.elasticsearch+json;compatible-with=6";
        assert!(accepted(&media(header::ACCEPT, asked)).is_err());
    }

    #[test]
    fn a_body_is_json() {
        let types = [
            "application/json",
            "application/json; charset=utf-8",
            "application/vnd.elasticsearch+x-ndjson; compatible-with=9",
        ];
        for known in types {
            assert!(
                check_type(&media(header::CONTENT_TYPE, known)).is_ok(),
                "{known}"
            );
        }
        for other in ["text/plain", "application/x-www-form-urlencoded", ""] {
            assert!(
                check_type(&media(header::CONTENT_TYPE, other)).is_err(),
                "{other}"
            );
        }
        assert!(check_type(&HeaderMap::new()).is_err());
    }
}
