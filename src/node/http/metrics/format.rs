//! Which text format a scraper asks for.

use axum::http::{HeaderMap, header};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::http) enum Format {
    /// Prometheus' text format 0.0.4.
    Classic,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// OpenMetrics when its version 1.0.0 is asked for by name and no less than plain text.
    pub(in crate::node::http) fn asked_for(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        let (mut open, mut plain) = (0.0, 0.0);
        for range in lines.flat_map(|line| line.split(',')).map(Range::read) {
            match range.name.as_str() {
                "application/openmetrics-text" if range.is_known() => {
                    open = range.quality.max(open);
                }
                "text/plain" => plain = range.quality.max(plain),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain {
            Self::OpenMetrics
        } else {
            Self::Classic
        }
    }

    /// The answer's `Content-Type`.
    pub(in crate::node::http) fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// One range of an `Accept` header (RFC 9110, 12.5.1).
struct Range {
    name: String,
    quality: f32,
    version: Option<String>,
}

impl Range {
    fn read(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self {
            name: parts.next().unwrap_or_default().to_ascii_lowercase(),
            quality: 1.0,
            version: None,
        };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                // A weight that is none asks for nothing.
                "q" => range.quality = value.trim().parse().unwrap_or(0.0),
                "version" => range.version = Some(value.trim().trim_matches('"').to_owned()),
                _ => {}
            }
        }
        range
    }

    fn is_known(&self) -> bool {
        self.version
            .as_ref()
            .is_none_or(|version| version == "1.0.0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &[&'static str]) -> Format {
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(header::ACCEPT, line.parse().unwrap());
        }
        Format::asked_for(&headers)
    }

    #[test]
    fn prometheus_gets_what_it_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(asked(&[prometheus]), Format::OpenMetrics);
        let classic =
            "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5";
        assert_eq!(asked(&[classic]), Format::Classic);
    }

    #[test]
    fn openmetrics_is_asked_for_by_name() {
        assert_eq!(
            asked(&["application/openmetrics-text"]),
            Format::OpenMetrics
        );
        let quoted = "Application/OpenMetrics-Text; version=\"1.0.0\"";
        assert_eq!(asked(&[quoted]), Format::OpenMetrics);
        assert_eq!(
            asked(&["text/html", "application/openmetrics-text;q=0.2"]),
            Format::OpenMetrics
        );
    }

    #[test]
    fn everything_else_is_classic() {
        for accept in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["text/plain, application/openmetrics-text;q=0"],
            &["application/openmetrics-text;version=2.0.0"],
            &["application/openmetrics-text;q=most"],
            &[";;=,,"],
        ] {
            assert_eq!(asked(accept), Format::Classic, "{accept:?}");
        }
    }
}
