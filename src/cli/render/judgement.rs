//! A verdict for people: the headline, a table of laws, the records, the counter-examples.
//!
//! Words of a history come from a file that anybody can have written, so their control characters
//! are shown and not obeyed.

use super::{Style, tables};
use crate::scenarios::history::Header;
use crate::scenarios::judge::{Anomaly, Counts, Judgement, LawResult, LawVerdict, Verdict};
use crate::supervisor::escape;

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
    let mut table = tables::table(&["LAW", "RESULT", "EXAMINED", "BROKEN", "REMARK"]);
    for verdict in &judgement.laws {
        let remark = verdict.remarks.first().map_or("", String::as_str);
        table.add_row([
            verdict.law.to_string(),
            result(verdict.result, style),
            verdict.examined.to_string(),
            verdict.broken.to_string(),
            escape(remark),
        ]);
    }
    tables::text(&table)
}

fn result(result: LawResult, style: Style) -> String {
    match result {
        LawResult::Passed => style.green("✓ passed"),
        LawResult::Failed => style.red("✗ failed"),
        LawResult::Unknown => style.yellow("? unknown"),
        LawResult::NotApplicable => style.dim("- not applicable"),
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
    let mut lines: Vec<String> = verdict
        .anomalies
        .iter()
        .map(|one| breach(one, style))
        .collect();
    if verdict.broken > shown {
        let more = verdict.broken - shown;
        lines.push(style.dim(&format!("  and {more} more of {}", verdict.law)));
    }
    lines.join("\n")
}

fn breach(anomaly: &Anomaly, style: Style) -> String {
    let mark = style.red("✗");
    let mut lines = vec![format!("{mark} {}: {}", anomaly.law, escape(&anomaly.what))];
    lines.extend(anomaly.evidence.iter().map(|evidence| {
        let at = style.dim(&format!("{:>12.3} ms", evidence.at.0 as f64 / 1e3));
        format!("  {at}  {}", escape(&evidence.what))
    }));
    let repeat = escape(&anomaly.repeat);
    lines.push(format!("  {} {repeat}", style.cyan("repeat:")));
    lines.join("\n")
}
