//! What a report is made from.

use std::path::PathBuf;
use std::time::Duration;

use super::conclusion::Conclusion;
use super::course::Course;
use crate::scenarios::history::{Fault, Header, History};
use crate::scenarios::judge::{Anomaly, Counts, Judgement};
use crate::scenarios::metrics::{Metric, Metrics, Spread};

/// One run of a scenario.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// What it was about.
    pub header: Header,
    /// What the judge says.
    pub judgement: Judgement,
    /// What was measured.
    pub metrics: Metrics,
    /// How long it took, from the start to the verdict.
    pub took: Duration,
    /// How it ended.
    pub conclusion: Conclusion,
    /// What was broken on purpose.
    pub faults: Vec<Fault>,
    /// Nodes that knew all others at the end.
    pub healthy: usize,
    /// Where its history and logs were kept, if they were.
    pub kept: Option<PathBuf>,
    pub(super) course: Course,
}

impl RunReport {
    /// A report of a history, its judgement and its metrics.
    pub fn new(history: &History, judgement: Judgement, metrics: Metrics, took: Duration) -> Self {
        Self {
            header: history.header.clone(),
            conclusion: Conclusion::of(history, judgement.verdict),
            judgement,
            course: Course::of(history, &metrics),
            metrics,
            took,
            faults: history.faults.clone(),
            healthy: healthy(history),
            kept: None,
        }
    }

    /// What was chosen beside the seed, which has its own place.
    pub(super) fn settings(&self) -> impl Iterator<Item = &(String, String)> {
        let all = self.header.settings.iter();
        all.filter(|(name, _)| name != "seed")
    }
}

/// Nodes whose last answer lists all brokers.
fn healthy(history: &History) -> usize {
    let knows_all = history.header.nodes.iter().filter(|node| {
        let mut answers = history.metadata.iter();
        let last = answers.rfind(|answer| answer.node == **node);
        last.is_some_and(|answer| {
            let mut all = history.header.nodes.iter();
            all.all(|other| answer.brokers.contains(other))
        })
    });
    knows_all.count()
}

/// All runs of one scenario.
#[derive(Debug, Clone)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// Its runs, at least one.
    pub runs: Vec<RunReport>,
}

impl ScenarioReport {
    /// The report of one or more runs of a scenario.
    pub fn new(name: impl Into<String>, runs: Vec<RunReport>) -> Self {
        assert!(!runs.is_empty(), "a scenario is reported after a run");
        Self {
            name: name.into(),
            runs,
        }
    }

    /// How its runs ended, taken together.
    pub fn conclusion(&self) -> Conclusion {
        Conclusion::of_all(self.runs.iter().map(|run| run.conclusion))
    }

    /// How long all runs took.
    pub fn took(&self) -> Duration {
        self.runs.iter().map(|run| run.took).sum()
    }

    /// A metric over all runs in which it was measured.
    pub fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|run| run.metrics.value(metric)))
    }

    /// A count over all runs in which it was examined; `None` when it was in none.
    pub fn count(&self, of: impl Fn(&Counts) -> Option<u64>) -> Option<u64> {
        let examined = self.runs.iter().filter_map(|run| of(&run.judgement.counts));
        examined.reduce(|sum, count| sum + count)
    }

    /// The counter-examples of all runs.
    pub fn anomalies(&self) -> impl Iterator<Item = &Anomaly> {
        self.runs.iter().flat_map(|run| run.judgement.anomalies())
    }

    /// Where the runs were kept: their own directory, or the scenario's when there are several.
    pub fn kept(&self) -> Option<PathBuf> {
        match self.runs.as_slice() {
            [only] => only.kept.clone(),
            runs => {
                let first = runs.iter().find_map(|run| run.kept.as_ref())?;
                first.parent().map(ToOwned::to_owned)
            }
        }
    }

    /// The first run that explains the conclusion.
    pub fn telling_run(&self) -> &RunReport {
        let conclusion = self.conclusion();
        let mut runs = self.runs.iter();
        let found = runs.find(|run| run.conclusion == conclusion);
        found.expect("the conclusion is that of a run")
    }
}

/// Everything that one command found out.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed from which the runs' seeds come.
    pub seed: u64,
    /// The scenarios in their order.
    pub scenarios: Vec<ScenarioReport>,
    /// Whether the command was stopped before it had run all that it was asked for.
    pub interrupted: bool,
}

impl Report {
    /// How all of it ended; an interruption comes before anything else, as in the exit codes.
    pub fn conclusion(&self) -> Conclusion {
        let all = || self.scenarios.iter().map(ScenarioReport::conclusion);
        let stopped = all().any(|one| one == Conclusion::Interrupted);
        if self.interrupted || stopped {
            return Conclusion::Interrupted;
        }
        Conclusion::of_all(all())
    }

    /// How many scenarios ended like this.
    pub fn number_of(&self, conclusion: Conclusion) -> usize {
        let all = self.scenarios.iter();
        all.filter(|one| one.conclusion() == conclusion).count()
    }
}
