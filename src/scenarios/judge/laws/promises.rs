//! What a scenario promises beside the laws: budgets, exit codes, counts.

use super::super::super::history::Found;
use super::super::facts::Facts;
use super::super::findings::{Findings, Place};

/// Accuses each promise that was not kept.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    for promise in &facts.history.promises {
        findings.examined += 1;
        match &promise.found {
            Found::Kept => {}
            Found::Broken { why } => {
                findings.broken(Place::default(), || format!("{}: {why}", promise.what));
            }
            Found::Unseen { why } => findings.unseen(|| format!("{}: {why}", promise.what)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{Story, promise};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::Found;

    #[test]
    fn a_promise_is_kept_broken_or_unseen() {
        let says = |story: Story| story.says(Law::Promises);
        let why = || String::from("it took 6 s");
        let kept = || Story::new().event(promise(Found::Kept));
        assert_eq!(says(Story::new()), LawResult::NotApplicable);
        assert_eq!(says(kept()), LawResult::Passed);
        let broken = promise(Found::Broken { why: why() });
        assert_eq!(says(kept().event(broken)), LawResult::Failed);
        let unseen = promise(Found::Unseen { why: why() });
        assert_eq!(says(kept().event(unseen)), LawResult::Unknown);
    }
}
