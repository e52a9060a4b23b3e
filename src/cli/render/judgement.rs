//! A verdict for people: the headline, a table of laws, the records, the counter-examples.
//!
//! Words of a history come from a file that anybody can have written, so their control characters
//! are shown and not obeyed.

use super::{Style, Table};
use crate::scenarios::history::Header;
use crate::scenarios::judge::{Anomaly, Counts, Judgement, LawResult, LawVerdict, Verdict};
use crate::supervisor::escape;

/// Breaches of one law that are shown with their evidence; `--json` has it for the others too.
const EXPLAINED: usize = 2;

/// Everything that was judged.
pub(in crate::cli) fn text(header: &Header, judgement: &Judgement, style: Style) -> String {
    let mut parts = vec![
        headline(header, judgement, style),
        laws(judgement, style),
        counts(&judgement.counts),
    ];
    if judgement.verdict != Verdict::Passed {
        let reasons = judgement.reasons.iter();
        let reasons = reasons.map(|reason| format!("{} {}", style.yellow("why:"), escape(reason)));
        parts.push(reasons.collect::<Vec<_>>().join("\n"));
    }
    let broken = judgement.laws.iter().filter(|verdict| verdict.broken > 0);
    parts.extend(broken.map(|verdict| breaches(verdict, style)));
    parts.join("\n\n")
}

/// `✓ pass  leader-failover, seed 7, on dev`.
fn headline(header: &Header, judgement: &Judgement, style: Style) -> String {
    let word = match judgement.verdict {
        Verdict::Passed => style.green("✓ pass"),
        Verdict::Failed => style.red("✗ fail"),
        Verdict::Unknown => style.yellow("? unknown"),
    };
    let (scenario, target) = (escape(&header.scenario), escape(&header.target));
    format!("{word}  {scenario}, seed {}, on {target}", header.seed)
}

fn laws(judgement: &Judgement, style: Style) -> String {
    let mut table = Table::new(&["LAW", "RESULT", "EXAMINED", "BROKEN", "REMARK"]);
    for verdict in &judgement.laws {
        let remark = verdict.remarks.first().map_or("", String::as_str);
        table.add_row([
            verdict.law.to_string(),
            paint(verdict.result, style),
            verdict.examined.to_string(),
            verdict.broken.to_string(),
            escape(remark),
        ]);
    }
    table.text()
}

fn result(result: LawResult) -> &'static str {
    match result {
        LawResult::Passed => "✓ passed",
        LawResult::Failed => "✗ failed",
        LawResult::Unknown => "? unknown",
        LawResult::NotApplicable => "- not applicable",
    }
}

fn paint(of: LawResult, style: Style) -> String {
    let word = result(of);
    match of {
        LawResult::Passed => style.green(word),
        LawResult::Failed => style.red(word),
        LawResult::Unknown => style.yellow(word),
        LawResult::NotApplicable => style.dim(word),
    }
}

/// `records: 900 acked, 900 read, ...`; what was not examined is left out.
fn counts(counts: &Counts) -> String {
    let named = [
        ("acked", counts.acked),
        ("read back from every replica", counts.read),
        ("lost", counts.lost),
        ("duplicated", counts.duplicated),
        ("duplicated as allowed", counts.duplicates_allowed),
        ("reordered", counts.reordered),
        ("of unknown outcome", counts.unknown),
    ];
    let seen = named
        .iter()
        .filter_map(|(name, count)| Some(format!("{} {name}", (*count)?)));
    let seen: Vec<String> = seen.collect();
    if seen.is_empty() {
        return String::from("records: none were looked at");
    }
    format!("records: {}", seen.join(", "))
}

fn breaches(verdict: &LawVerdict, style: Style) -> String {
    let shown = verdict.anomalies.len() as u64;
    let (explained, named) = (
        verdict.anomalies.iter().take(EXPLAINED),
        verdict.anomalies.iter().skip(EXPLAINED),
    );
    let mut lines: Vec<String> = explained.map(|one| explain(one, style)).collect();
    lines.extend(named.map(|one| name(one, style)));
    if verdict.broken > shown {
        let more = verdict.broken - shown;
        lines.push(style.dim(&format!("  and {more} more of {}", verdict.law)));
    }
    lines.join("\n")
}

fn name(anomaly: &Anomaly, style: Style) -> String {
    let what = escape(&anomaly.what);
    format!("{} {}: {what}", style.red("✗"), anomaly.law)
}

fn explain(anomaly: &Anomaly, style: Style) -> String {
    let mut lines = vec![name(anomaly, style)];
    lines.extend(anomaly.evidence.iter().map(|evidence| {
        let at = style.dim(&format!("{:>12.3} ms", evidence.at.0 as f64 / 1e3));
        format!("  {at}  {}", escape(&evidence.what))
    }));
    let repeat = escape(&anomaly.repeat);
    lines.push(format!("  {} {repeat}", style.cyan("repeat:")));
    lines.join("\n")
}
