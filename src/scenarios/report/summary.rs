//! The printed summary: its lines, with what each part of them is. `cli` paints them.
//!
//! State is told by word and shape; a tone only repeats it.

mod integrity;
mod results;

use super::conclusion::Conclusion;
use super::model::Report;
use super::text::several;

/// What a part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// The header of a scenario, or of all of them.
    Header,
    /// Information.
    Info,
    /// Success.
    Good,
    /// Doubt.
    Doubt,
    /// Failure.
    Bad,
    /// A metric.
    Metric,
    /// What is beside the point.
    Aside,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is.
    pub tone: Tone,
    /// Its text, without control characters.
    pub text: String,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(
    /// Its parts, in order.
    pub Vec<Span>,
);

impl Line {
    /// A line of one part.
    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self::default().and(tone, text)
    }

    /// The same with one more part.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        self.0.push(Span { tone, text });
        self
    }
}

impl Conclusion {
    fn tone(self) -> Tone {
        match self {
            Self::Pass => Tone::Good,
            Self::Fail => Tone::Bad,
            Self::Unknown | Self::Interrupted => Tone::Doubt,
        }
    }
}

/// The width of the rules above and below the title.
const RULE: usize = 70;

/// The summary of everything, in the shape of SCENARIOS.md.
pub fn summary(report: &Report) -> Vec<Line> {
    let rule = || Line::of(Tone::Header, "=".repeat(RULE));
    let heading = |text| Line::of(Tone::Info, text);
    let mut lines = vec![
        rule(),
        Line::of(Tone::Header, "E2E TEST SUMMARY"),
        rule(),
        Line::default(),
        heading("Scenario Results:"),
    ];
    lines.extend(report.scenarios.iter().flat_map(results::scenario));
    let sections = [
        ("Performance Metrics:", integrity::performance(report)),
        ("Data Integrity:", integrity::data(report)),
    ];
    for (title, metrics) in sections.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        lines.extend([Line::default(), heading(title)]);
        lines.extend(metrics);
    }
    lines.push(Line::default());
    lines.extend(overall(report));
    lines
}

fn overall(report: &Report) -> [Line; 2] {
    let (all, passed) = (report.scenarios.len(), report.number_of(Conclusion::Pass));
    let others = [
        (Conclusion::Fail, "failed"),
        (Conclusion::Unknown, "unknown"),
        (Conclusion::Interrupted, "interrupted"),
    ];
    let others = others.into_iter().filter_map(|(conclusion, word)| {
        let number = report.number_of(conclusion);
        (number > 0).then(|| format!(", {number} {word}"))
    });
    let others: String = others.collect();
    let result = format!("Overall Result: {passed}/{all} scenarios passed{others}");
    let conclusion = report.conclusion();
    let last = format!("{} {}", conclusion.sign(), closing(report, conclusion));
    [
        Line::of(Tone::Info, result),
        Line::of(conclusion.tone(), last),
    ]
}

fn closing(report: &Report, conclusion: Conclusion) -> String {
    let all = report.scenarios.len();
    let some = |of| format!("{} OF {}", report.number_of(of), several(all, "SCENARIO"));
    match conclusion {
        Conclusion::Pass => String::from("ALL TESTS PASSED!"),
        Conclusion::Fail => format!("{} FAILED", some(Conclusion::Fail)),
        Conclusion::Unknown if all == 0 => String::from("INCONCLUSIVE: nothing ran"),
        Conclusion::Unknown => {
            let unknown = some(Conclusion::Unknown);
            format!("INCONCLUSIVE: {unknown} SAW TOO LITTLE TO JUDGE")
        }
        Conclusion::Interrupted => String::from("INTERRUPTED: what ran until then is above"),
    }
}
