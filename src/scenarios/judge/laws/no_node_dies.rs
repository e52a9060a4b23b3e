//! No node dies: a node ends when it is asked to, by whatever signal, and never otherwise.

use super::super::super::history::NodeLife;
use super::super::facts::Facts;
use super::super::findings::{Findings, Place};

/// Accuses each node that ended unasked.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    for event in &facts.history.nodes {
        findings.examined += 1;
        let NodeLife::Exited { status, asked } = &event.life else {
            continue;
        };
        if !asked {
            findings.broken(Place::default(), || {
                format!("{} died unasked at {}: {status}", event.node, event.at)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{Story, exit};
    use super::super::super::verdict::LawResult;

    #[test]
    fn a_node_may_only_end_when_asked() {
        let says = |story: Story| story.says(Law::NoNodeDies);
        assert_eq!(says(Story::new()), LawResult::Unknown);
        assert_eq!(says(Story::new().event(exit(1, true))), LawResult::Passed);
        assert_eq!(says(Story::new().event(exit(1, false))), LawResult::Failed);
    }
}
