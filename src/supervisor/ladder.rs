//! The way from spawned to READY: which rung has been reached, and what the next one waits for.
//!
//! A pure function of what is known of each node. All rungs are conditions; nothing here waits,
//! asks or counts time. The order is that of [`PhaseName`].

use std::collections::BTreeMap;

use super::event::PhaseName;
use super::facts::Facts;
use crate::spec::NodeId;

/// Which nodes READY waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Await {
    /// All of them.
    All,
    /// A majority.
    Quorum,
    /// None: READY means spawned.
    None,
}

/// Whether the cluster is formed for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Formation {
    /// Nobody has data: every link must stand.
    First,
    /// A restart: a majority of links is enough, a peer may be dead.
    Again,
}

/// What must hold for READY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ladder {
    nodes: usize,
    /// How many nodes must have reached a rung.
    required: usize,
    /// How many peers a node must be linked with.
    links: usize,
}

/// How far a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// The first rung that is not reached; `None`: all are.
    pub(super) pending: Option<PhaseName>,
    /// What each node that has not reached the top waits for.
    pub(super) waits: BTreeMap<NodeId, (PhaseName, String)>,
}

/// The facts of each node that has a process.
pub(super) type Known<'a> = BTreeMap<NodeId, &'a Facts>;

impl Ladder {
    /// The ladder of a cluster of `nodes`.
    pub(super) fn new(nodes: usize, wait: Await, formation: Formation) -> Self {
        let majority = nodes / 2 + 1;
        let required = match wait {
            Await::All => nodes,
            Await::Quorum => majority,
            Await::None => 0,
        };
        let links = match (wait, formation) {
            (Await::All, Formation::First) => nodes - 1,
            _ => majority - 1,
        };
        Self {
            nodes,
            required,
            links,
        }
    }

    /// Whether READY says anything of the nodes.
    pub(super) fn awaits_somebody(&self) -> bool {
        self.required > 0
    }

    /// How many brokers each awaited node must name in its Metadata.
    pub(super) fn brokers_wanted(&self) -> usize {
        self.required.max(1)
    }

    /// Where the cluster is on the ladder.
    pub(super) fn progress(&self, known: &Known) -> Progress {
        let goal = Self::goal(known);
        let mut waits = BTreeMap::new();
        let mut reached = [0; PhaseName::ALL.len()];
        for id in (1..=self.nodes as u64).map(NodeId) {
            let missing = known.get(&id).map_or_else(
                || Some((PhaseName::Spawned, String::from("a process"))),
                |facts| self.missing(id, facts, goal.as_ref()),
            );
            for phase in PhaseName::ALL {
                let passed = missing.as_ref().is_none_or(|(first, _)| phase < *first);
                reached[phase as usize] += usize::from(passed);
            }
            if let Some(missing) = missing {
                waits.insert(id, missing);
            }
        }
        let short = |phase: &PhaseName| reached[*phase as usize] < self.required;
        Progress {
            pending: PhaseName::ALL.into_iter().find(short),
            waits,
        }
    }

    /// The leader with the highest term that a node names, and what it has applied.
    fn goal(known: &Known) -> Option<Goal> {
        let (leader, term) = known
            .values()
            .filter_map(|facts| facts.leader)
            .max_by_key(|(_, term)| *term)?;
        let applied = known
            .get(&leader)
            .filter(|facts| facts.leader == Some((leader, term)))
            .and_then(|facts| facts.applied);
        Some(Goal {
            leader,
            term,
            applied,
        })
    }

    /// The first rung that a node has not reached, and what it waits for there.
    fn missing(
        &self,
        node: NodeId,
        facts: &Facts,
        goal: Option<&Goal>,
    ) -> Option<(PhaseName, String)> {
        if !facts.bound {
            return Some((PhaseName::Bound, String::from("its ports to be bound")));
        }
        if facts.linked.len() < self.links {
            return Some((PhaseName::Linked, self.missing_links(node, facts)));
        }
        let Some(goal) = goal.filter(|goal| facts.leader == Some((goal.leader, goal.term))) else {
            return Some((PhaseName::Led, missing_leader(facts, goal)));
        };
        if let Some(on) = missing_index(facts, goal) {
            return Some((PhaseName::Applied, on));
        }
        let wanted = self.brokers_wanted();
        if facts.brokers.is_none_or(|brokers| brokers < wanted) {
            return Some((PhaseName::Brokers, missing_brokers(facts, wanted)));
        }
        if !facts.healthy {
            let on = facts.not_ready.clone().or_else(|| facts.probe.clone());
            let on = on.unwrap_or_else(|| String::from("/health/ready to say yes"));
            return Some((PhaseName::Healthy, on));
        }
        None
    }

    fn missing_links(&self, node: NodeId, facts: &Facts) -> String {
        let links: Vec<String> = (1..=self.nodes as u64)
            .map(NodeId)
            .filter(|peer| *peer != node && !facts.linked.contains(peer))
            .map(|peer| format!("{node} to {peer}"))
            .collect();
        let peers = self.nodes - 1;
        format!(
            "{}/{peers} peers, waiting for {}",
            facts.linked.len(),
            links.join(", ")
        )
    }
}

/// What all awaited nodes must have applied.
#[derive(Debug, Clone, Copy)]
struct Goal {
    leader: NodeId,
    term: u64,
    applied: Option<u64>,
}

fn missing_leader(facts: &Facts, goal: Option<&Goal>) -> String {
    match (facts.leader, goal) {
        (Some((old, term)), Some(goal)) => format!(
            "{} (term {}) to be known, still with {old} (term {term})",
            goal.leader, goal.term
        ),
        (None, Some(goal)) => format!("{} (term {}) to be known", goal.leader, goal.term),
        (_, None) => String::from("a metadata leader"),
    }
}

fn missing_index(facts: &Facts, goal: &Goal) -> Option<String> {
    let Some(wanted) = goal.applied else {
        return Some(format!("{} to commit in term {}", goal.leader, goal.term));
    };
    let applied = facts.applied.unwrap_or(0);
    (applied < wanted).then(|| format!("metadata entry {wanted}, applied up to {applied}"))
}

fn missing_brokers(facts: &Facts, wanted: usize) -> String {
    if !facts.serving {
        let on = facts.not_ready.clone();
        return on.unwrap_or_else(|| String::from("its Kafka port to open"));
    }
    match (facts.brokers, &facts.probe) {
        (Some(brokers), _) => format!("{wanted} brokers in its Metadata, it names {brokers}"),
        (None, Some(reason)) => format!("an answer to Metadata: {reason}"),
        (None, None) => String::from("an answer to Metadata"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(linked: &[u64], leader: Option<(u64, u64)>, applied: Option<u64>) -> Facts {
        Facts {
            bound: true,
            linked: linked.iter().copied().map(NodeId).collect(),
            leader: leader.map(|(leader, term)| (NodeId(leader), term)),
            applied,
            ..Facts::default()
        }
    }

    fn pending(ladder: &Ladder, known: &[(u64, &Facts)]) -> (Option<PhaseName>, Vec<String>) {
        let known = known
            .iter()
            .map(|(id, facts)| (NodeId(*id), *facts))
            .collect();
        let progress = ladder.progress(&known);
        let waits = progress.waits.into_iter();
        let waits = waits
            .map(|(node, (_, on))| format!("{node}: {on}"))
            .collect();
        (progress.pending, waits)
    }

    #[test]
    fn the_first_formation_wants_every_link() {
        let one = facts(&[2, 3], None, None);
        let three = facts(&[2], None, None);
        let known = [(1, &one), (2, &one), (3, &three)];
        let first = Ladder::new(3, Await::All, Formation::First);
        let (phase, waits) = pending(&first, &known);
        assert_eq!(phase, Some(PhaseName::Linked));
        assert_eq!(waits[2], "node-3: 1/2 peers, waiting for node-3 to node-1");
        let again = Ladder::new(3, Await::All, Formation::Again);
        assert_eq!(pending(&again, &known).0, Some(PhaseName::Led));
    }

    #[test]
    fn an_older_leader_is_not_agreed_upon() {
        let new = facts(&[2, 3], Some((2, 5)), Some(9));
        let old = facts(&[1, 2], Some((1, 4)), Some(8));
        let ladder = Ladder::new(3, Await::All, Formation::First);
        let (phase, waits) = pending(&ladder, &[(1, &new), (2, &new), (3, &old)]);
        assert_eq!(phase, Some(PhaseName::Led));
        assert_eq!(
            waits[2],
            "node-3: node-2 (term 5) to be known, still with node-1 (term 4)"
        );
    }

    #[test]
    fn everybody_applies_what_the_leader_has_applied() {
        let leader = facts(&[2, 3], Some((1, 1)), Some(4));
        let late = facts(&[1, 3], Some((1, 1)), Some(3));
        let ladder = Ladder::new(3, Await::All, Formation::First);
        let (phase, waits) = pending(&ladder, &[(1, &leader), (2, &leader), (3, &late)]);
        assert_eq!(phase, Some(PhaseName::Applied));
        assert_eq!(waits[2], "node-3: metadata entry 4, applied up to 3");
        let silent = facts(&[2, 3], Some((1, 1)), None);
        let (_, waits) = pending(&ladder, &[(1, &silent), (2, &late), (3, &late)]);
        assert_eq!(waits[0], "node-1: node-1 to commit in term 1");
    }

    #[test]
    fn a_quorum_is_ready_without_the_rest_and_nobody_is_awaited_with_none() {
        let mut up = facts(&[2], Some((1, 1)), Some(4));
        up.serving = true;
        up.brokers = Some(2);
        up.healthy = true;
        let known = [(1, &up), (2, &up)];
        let quorum = Ladder::new(3, Await::Quorum, Formation::Again);
        assert_eq!(pending(&quorum, &known).0, None);
        let all = Ladder::new(3, Await::All, Formation::Again);
        assert_eq!(pending(&all, &known).0, Some(PhaseName::Spawned));
        let none = Ladder::new(3, Await::None, Formation::First);
        assert_eq!(pending(&none, &[]).0, None);
    }
}
