//! JSON, JUnit and the page.

use super::wellformed::{assert_balanced, tags};
use super::*;
use crate::scenarios::judge::Verdict;

#[test]
fn the_samples_are_what_they_say() {
    assert_eq!(Plot::good().run().conclusion, Conclusion::Pass);
    let lossy = Plot::lossy().run();
    assert_eq!(lossy.conclusion, Conclusion::Fail);
    assert_eq!(lossy.judgement.counts.lost, Some(14));
}

#[test]
fn data_has_the_shape_of_the_contract() {
    insta::assert_json_snapshot!(data(&samples::one_of_each()), {
        ".scenarios[].anomalies" => "[anomalies]",
    });
}

#[test]
fn the_file_traces_each_figure_to_its_events() {
    let full = full(&samples::report(vec![samples::scenario(&[Plot::good()])]));
    let failover = &full["scenarios"][0]["runs"][0]["metrics"]["failover_ms"];
    assert_eq!(failover["what"], "kill node-1, e2e-failover-0");
    let number = |key: &str| failover[key].as_f64().unwrap();
    assert!((number("to_ms") - number("from_ms") - number("ms")).abs() < 1e-6);
    assert_eq!(
        full["scenarios"][0]["metrics"]["failover_ms"],
        failover["ms"]
    );
    assert_eq!(full["schema_version"], 1);
}

#[test]
fn what_was_not_examined_is_null() {
    let data = data(&samples::report(vec![samples::judged(
        Plot::interrupted(),
        Verdict::Unknown,
    )]));
    let scenario = &data["scenarios"][0];
    assert_eq!(data["verdict"], "interrupted");
    assert!(scenario["metrics"]["messages_recovered"].is_null());
    assert!(scenario["counts"]["lost"].is_null());
    assert_eq!(scenario["counts"]["acked"], 14_640);
}

#[test]
fn junit_keeps_its_shape() {
    let report = samples::report(vec![
        samples::judged(Plot::good(), Verdict::Failed),
        samples::judged(Plot::interrupted(), Verdict::Unknown),
    ]);
    let text = junit(&report);
    assert_balanced(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn no_string_leaves_its_place() {
    let report = samples::report(vec![samples::scenario(&[Plot::hostile()])]);
    for text in [html(&report), junit(&report)] {
        assert_balanced(&text);
        assert!(!text.contains("<script>alert"), "no script of a topic's");
        assert!(!text.contains("<img"), "no element of a topic's");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;"));
    }
    for text in [html(&report), junit(&report)] {
        assert!(!text.contains(['\u{1b}', '\u{0}']), "neither can hold them");
    }
    for line in summary(&report) {
        let control = |span: &Span| span.text.contains(char::is_control);
        assert!(!line.0.iter().any(control), "{line:?}");
    }
    assert!(html(&report).contains("data-acks"), "{HOSTILE}");
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let page = html(&samples::one_of_each());
    assert_balanced(&page);
    for foreign in ["http://", "https://", "//cdn", "url(", "@import", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("default-src 'none'"));
    let links = tags(&page).into_iter().filter(|tag| tag.contains("href="));
    let sources = tags(&page).into_iter().filter(|tag| tag.contains("src="));
    assert_eq!(sources.count(), 0);
    assert!(links.into_iter().all(|tag| tag.contains("href=\"#")));
}

#[test]
fn the_page_shows_every_conclusion_by_word() {
    let page = html(&samples::one_of_each());
    for word in [
        "PASS",
        "FAIL",
        "UNKNOWN",
        "INTERRUPTED",
        "Not examined here",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn many_runs_do_not_make_an_endless_page() {
    let mut scenario = samples::judged(Plot::good(), Verdict::Passed);
    let run = scenario.runs[0].clone();
    scenario.runs = vec![run; 40];
    let page = html(&samples::report(vec![scenario]));
    assert_eq!(page.matches("<details class=\"run\"").count(), 12);
    assert!(page.contains("28 more runs are not drawn"));
}

#[test]
fn an_empty_report_is_no_success() {
    let empty = samples::report(Vec::new());
    assert_eq!(empty.conclusion(), Conclusion::Unknown);
    assert_balanced(&html(&empty));
    assert_balanced(&junit(&empty));
}
