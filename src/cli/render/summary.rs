//! The summary of scenarios, painted: blue information, green success, yellow doubt, red failure,
//! magenta headers of scenarios, bold metrics. Without colour the words and shapes say the same.

use super::Style;
use crate::scenarios::report::{Line, Report, Tone, summary, title};

/// The summary of everything that ran.
pub(in crate::cli) fn text(report: &Report, style: Style) -> String {
    let lines = summary(report);
    let painted: Vec<String> = lines.iter().map(|line| paint(line, style)).collect();
    painted.join("\n")
}

/// What stands above a scenario's own lines while it runs.
pub(in crate::cli) fn header(scenario: &str, style: Style) -> String {
    style.magenta(&format!("── {} ──", title(scenario)))
}

fn paint(line: &Line, style: Style) -> String {
    let spans = line.0.iter().map(|span| match span.tone {
        Tone::Plain => span.text.clone(),
        Tone::Header => style.magenta(&span.text),
        Tone::Info => style.blue(&span.text),
        Tone::Good => style.green(&span.text),
        Tone::Doubt => style.yellow(&span.text),
        Tone::Bad => style.red(&span.text),
        Tone::Metric => style.bold(&span.text),
        Tone::Aside => style.dim(&span.text),
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::report::samples;

    #[test]
    fn without_colour_words_and_shapes_say_all() {
        let text = text(&samples::one_of_each(), Style::plain());
        assert!(!text.contains('\u{1b}'), "no control codes");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn colour_repeats_what_the_words_say() {
        let text = text(&samples::one_of_each(), Style::colored());
        let visible = text.replace('\u{1b}', "␛");
        insta::assert_snapshot!(visible);
        let plain = super::text(&samples::one_of_each(), Style::plain());
        assert_eq!(console::strip_ansi_codes(&text), plain);
    }

    #[test]
    fn a_running_scenario_has_a_header() {
        assert_eq!(
            header("clean-startup", Style::plain()),
            "── Clean Startup ──"
        );
    }
}
