//! One answer of `/metrics`, read: Prometheus' classic text format.
//!
//! Promises to refuse what is not in that format, with the line. It knows no metric by name; types
//! and help texts are passed over, and so is the optional timestamp.

use std::collections::HashMap;

use super::histogram::Histogram;

/// A line that is no sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {number} is not in Prometheus' text format: {line:?}")]
pub(in crate::cli) struct BadLine {
    number: usize,
    line: String,
}

/// All samples of an answer, by the metric's name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Scrape(HashMap<String, Vec<Sample>>);

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

/// A label and the value that it must have.
pub(super) type Wanted<'a> = (&'a str, &'a str);

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map(|(_, value)| value.as_str())
    }

    fn has(&self, wanted: &[Wanted<'_>]) -> bool {
        let mut wanted = wanted.iter();
        wanted.all(|(name, value)| self.label(name) == Some(value))
    }
}

impl Scrape {
    /// Reads an answer.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, BadLine> {
        let mut samples: HashMap<String, Vec<Sample>> = HashMap::new();
        for (position, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, sample) = sample(line).ok_or_else(|| BadLine {
                number: position + 1,
                line: line.chars().take(80).collect(),
            })?;
            samples.entry(name.to_owned()).or_default().push(sample);
        }
        Ok(Self(samples))
    }

    /// The sum over all samples with these labels; `None` where there is none.
    pub(super) fn sum(&self, name: &str, wanted: &[Wanted<'_>]) -> Option<f64> {
        let mut found = self.samples(name, wanted).map(|sample| sample.value);
        let first = found.next()?;
        Some(found.fold(first, |sum, value| sum + value))
    }

    /// How many samples have these labels.
    pub(super) fn count(&self, name: &str, wanted: &[Wanted<'_>]) -> usize {
        self.samples(name, wanted).count()
    }

    /// The value of one label in the one sample with these labels and a value of 1.
    pub(super) fn chosen(&self, name: &str, label: &str) -> Option<&str> {
        let mut found = self.samples(name, &[]);
        found.find(|sample| sample.value > 0.0)?.label(label)
    }

    /// The histogram with these labels; `None` where there is none.
    pub(super) fn histogram(&self, name: &str, wanted: &[Wanted<'_>]) -> Option<Histogram> {
        let buckets = format!("{name}_bucket");
        let bound = |sample: &Sample| Some((sample.label("le")?.parse().ok()?, sample.value));
        let buckets: Vec<(f64, f64)> = self
            .samples(&buckets, wanted)
            .map(bound)
            .collect::<Option<_>>()?;
        Histogram::new(buckets)
    }

    fn samples<'a>(
        &'a self,
        name: &str,
        wanted: &'a [Wanted<'a>],
    ) -> impl Iterator<Item = &'a Sample> {
        let all = self.0.get(name).into_iter().flatten();
        all.filter(move |sample| sample.has(wanted))
    }
}

/// `name{label="value",...} value [timestamp]`
fn sample(line: &str) -> Option<(&str, Sample)> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_whitespace();
    let value = words.next()?.parse().ok()?;
    let timestamp = words.next().is_none_or(|word| word.parse::<i64>().is_ok());
    let ended = words.next().is_none();
    (timestamp && ended).then_some((name, Sample { labels, value }))
}

type Labels = Vec<(String, String)>;

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// The text up to the closing quote with its escapes undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
# HELP a_total Help.
# TYPE a_total counter
a_total{topic=\"a\\\"b\\\\c\\nd\",partition=\"0\"} 3
a_total{topic=\"x\",partition=\"1\"} 4.5e1 1700000000000

role{role=\"leader\"} 0
role{role=\"follower\"} 1
plain NaN
h_bucket{le=\"0.1\"} 1
h_bucket{le=\"+Inf\"} 2
";

    #[test]
    fn samples_are_found_by_name_and_label() {
        let scrape = Scrape::parse(TEXT).unwrap();
        assert_eq!(scrape.sum("a_total", &[]), Some(48.0));
        assert_eq!(scrape.sum("a_total", &[("topic", "a\"b\\c\nd")]), Some(3.0));
        assert_eq!(scrape.sum("a_total", &[("topic", "y")]), None);
        assert_eq!(scrape.sum("b_total", &[]), None);
        assert_eq!(scrape.count("a_total", &[]), 2);
        assert_eq!(scrape.chosen("role", "role"), Some("follower"));
        assert!(scrape.sum("plain", &[]).unwrap().is_nan());
        assert_eq!(scrape.histogram("h", &[]).unwrap().counts(), [1.0, 1.0]);
        assert_eq!(scrape.histogram("a", &[]), None);
    }

    #[test]
    fn what_is_no_sample_is_refused_with_its_line() {
        for line in [
            "<html>",
            "a",
            "a b",
            "1a 2",
            "a{b=\"c\" 1",
            "a{b=\"c} 1",
            "a{b} 1",
            "a 1 2 3",
            "a 1 soon",
            "{} 1",
        ] {
            let error = Scrape::parse(&format!("ok 1\n{line}\n")).unwrap_err();
            assert_eq!(error.number, 2, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z{}=\",\\\\0-9 \n.+#é-]{0,60}") {
            drop(Scrape::parse(&text));
        }

        #[test]
        fn any_label_survives_its_escapes(value in ".{0,12}") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            prop_assume!(!escaped.contains('\r'));
            let scrape = Scrape::parse(&format!("a{{b=\"{escaped}\"}} 1")).unwrap();
            prop_assert_eq!(scrape.sum("a", &[("b", &value)]), Some(1.0));
        }
    }
}
