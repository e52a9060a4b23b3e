//! The laws, one in each file. Each looks at the facts and accuses, or does not.

mod acked_is_durable;
mod committed_offsets;
mod high_watermark;
mod metadata_agrees;
mod no_duplicate;
mod no_node_dies;
mod nothing_from_nowhere;
mod one_leader_per_epoch;
mod one_offset_one_value;
mod order;
mod promises;
mod replicas_converge;
mod search_follows_log;

use super::super::Law;
use super::facts::Facts;
use super::findings::Findings;

/// Looks at one law.
pub(super) fn look(law: Law, facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let look = match law {
        Law::AckedIsDurable => acked_is_durable::look,
        Law::OneOffsetOneValue => one_offset_one_value::look,
        Law::NoDuplicate => no_duplicate::look,
        Law::NothingFromNowhere => nothing_from_nowhere::look,
        Law::Order => order::look,
        Law::HighWatermark => high_watermark::look,
        Law::OneLeaderPerEpoch => one_leader_per_epoch::look,
        Law::CommittedOffsets => committed_offsets::look,
        Law::ReplicasConverge => replicas_converge::look,
        Law::MetadataAgrees => metadata_agrees::look,
        Law::SearchFollowsLog => search_follows_log::look,
        Law::NoNodeDies => no_node_dies::look,
        Law::Promises => promises::look,
    };
    look(facts, findings);
}
