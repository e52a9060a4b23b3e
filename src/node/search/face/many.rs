//! `_msearch`: several searches in one request, a line for where and a line for what.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::Value;

use super::asked::{Asked, Style, json};
use super::parse::{Object, Params, TOPICS, search_params, search_request, shown, texts};
use super::refusal::Refusal;
use super::search::{Sought, answer};
use super::topics::Leniency;
use super::{Face, now_ms, took};

/// Searches of one request.
const MOST: usize = 100;
/// Searches at one time.
const AT_ONCE: usize = 4;
/// All of them together take no longer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of all answers together.
const MOST_BYTES: usize = 16 << 20;

/// `GET|POST /{topics}/_msearch`.
pub(super) async fn many(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<String, Refusal> {
    const KNOWN: [&str; 5] = [
        "max_concurrent_searches",
        "max_concurrent_shard_requests",
        "ccs_minimize_roundtrips",
        "search_type",
        "rest_total_hits_as_int",
    ];
    let begun = Instant::now();
    let params = Params::read(asked.line(), &[&KNOWN, &TOPICS])?;
    let plain = params.flag("rest_total_hits_as_int", false)?;
    let searches = pairs(asked.body())?;
    let until = begun + DEADLINE;
    let style = asked.style();
    let answers = searches.into_iter().map(|(head, body)| async move {
        let sought = (names, style, plain);
        one(face, sought, (head, body), until).await
    });
    let mut answers = stream::iter(answers).buffered(AT_ONCE);
    let mut texts = String::new();
    while let Some(answer) = answers.next().await {
        let answer = fits(answer, texts.len());
        let text = match answer {
            Ok(text) => text,
            Err(refusal) => refusal.body().to_string(),
        };
        if !texts.is_empty() {
            texts.push(',');
        }
        texts.push_str(&text);
    }
    let took = took(begun);
    Ok(format!("{{\"took\":{took},\"responses\":[{texts}]}}"))
}

/// The answers of one request are in memory together.
fn fits(answer: Result<String, Refusal>, before: usize) -> Result<String, Refusal> {
    answer.and_then(|text| {
        if before + text.len() <= MOST_BYTES {
            return Ok(text);
        }
        Err(Refusal::argument(format!(
            "the answers of this request are larger than {} MiB together",
            MOST_BYTES >> 20
        )))
    })
}

/// The lines, two by two.
fn pairs(body: &[u8]) -> Result<Vec<(Value, Value)>, Refusal> {
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    // The last line ends with a line break; an empty head means: as the path says.
    let lines = match lines.split_last() {
        Some((last, lines)) if last.iter().all(u8::is_ascii_whitespace) => lines,
        _ => &lines[..],
    };
    if lines.is_empty() || !lines.len().is_multiple_of(2) {
        let reason = "a line for where and a line for what make a search; one is missing";
        return Err(Refusal::parsing(reason));
    }
    if lines.len() / 2 > MOST {
        let reason = format!("a request has at most {MOST} searches");
        return Err(Refusal::argument(reason));
    }
    let pair = |pair: &[&[u8]]| Ok((json(pair[0])?, json(pair[1])?));
    lines.chunks_exact(2).map(pair).collect()
}

async fn one(
    face: &Face,
    (names, style, plain): (Option<&str>, Style, bool),
    (head, body): (Value, Value),
    until: Instant,
) -> Result<String, Refusal> {
    let (own, params) = place(&head)?;
    let mut request = search_request(&body, &params, now_ms())?;
    request.plain_total = plain;
    let until = until.min(Instant::now() + request.deadline);
    let sought = Sought {
        names: own.as_deref().or(names),
        leniency: Leniency::of(&params)?,
        style,
        status: Some(200),
    };
    answer(face, sought, request, until).await
}

/// The topics that a head names, and the parameters that stand in it.
fn place(head: &Value) -> Result<(Option<String>, Params), Refusal> {
    let mut line = form_urlencoded::Serializer::new(String::new());
    let mut names = None;
    if !head.is_null() {
        for (key, value) in Object::open("msearch", head)?.entries() {
            match (key, value) {
                ("index" | "indices", value) => names = Some(texts(key, value)?.join(",")),
                (
                    "ignore_unavailable"
                    | "allow_no_indices"
                    | "expand_wildcards"
                    | "preference"
                    | "request_cache"
                    | "search_type"
                    | "ccs_minimize_roundtrips"
                    | "allow_partial_search_results",
                    value,
                ) => {
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    line.append_pair(key, &text);
                }
                (other, _) => {
                    let reason = format!("[msearch] unknown key [{}]", shown(other));
                    return Err(Refusal::parsing(reason));
                }
            }
        }
    }
    Ok((names, search_params(&line.finish())?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_come_two_by_two() {
        let body = b"{\"index\":\"a\"}\n{\"size\":1}\n\n{}\n";
        let pairs = pairs(body).unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!(place(&pairs[0].0).unwrap().0.as_deref(), Some("a"));
        assert_eq!(pairs[1].0, Value::Null);
    }

    #[test]
    fn half_a_search_is_refused() {
        for body in [&b""[..], b"\n", b"{}\n", b"{}\n{}\n{}\n", b"{\n{}\n"] {
            assert!(pairs(body).is_err(), "{body:?}");
        }
        let many = b"{}\n{}\n".repeat(MOST + 1);
        assert!(pairs(&many).is_err());
        assert!(place(&json!({ "routing": "x" })).is_err());
    }
}
