//! Clean histories, each spoiled in one way: every one is caught, by the law that it breaks.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::super::super::Law;
use super::super::super::history::{History, NodeLife};
use super::super::judge;
use super::super::verdict::{LawResult, Verdict};
use super::generator::{Shape, clean};
use super::{spoil, spoil_search};

/// Histories that each mutation is tried on.
const SEEDS: std::ops::Range<u64> = 0..40;

/// Spoils a history, where it has something to spoil.
type Spoil = fn(&mut History, &mut StdRng) -> Option<()>;

/// What is done, and the law that must say so.
const MUTATIONS: [(&str, Law, Spoil); 33] = [
    ("drop a record", Law::AckedIsDurable, spoil::drop_record),
    ("cut the tail", Law::AckedIsDurable, spoil::cut_tail),
    (
        "drop a batch's last record",
        Law::AckedIsDurable,
        spoil::drop_last_of_batch,
    ),
    (
        "drop a record on one replica",
        Law::AckedIsDurable,
        spoil::drop_on_one,
    ),
    (
        "leave a replica unread",
        Law::AckedIsDurable,
        spoil::leave_unread,
    ),
    (
        "one offset twice",
        Law::OneOffsetOneValue,
        spoil::same_offset,
    ),
    (
        "swap two records",
        Law::OneOffsetOneValue,
        spoil::swap_records,
    ),
    (
        "overwrite after a read",
        Law::OneOffsetOneValue,
        spoil::overwrite,
    ),
    ("offset plus one", Law::NoDuplicate, spoil::offset_plus_one),
    ("store twice", Law::NoDuplicate, spoil::store_twice),
    ("phantom", Law::NothingFromNowhere, spoil::phantom),
    (
        "phantom for one reader",
        Law::NothingFromNowhere,
        spoil::phantom_read,
    ),
    ("a refused value", Law::NothingFromNowhere, spoil::refused),
    (
        "wrong partition",
        Law::NothingFromNowhere,
        spoil::wrong_partition,
    ),
    ("corrupt value", Law::NothingFromNowhere, spoil::corrupt),
    ("swap two sends", Law::Order, spoil::swap_sends),
    ("append late", Law::Order, spoil::append_late),
    ("rewind a reader", Law::Order, spoil::rewind),
    ("skip a record", Law::Order, spoil::skip),
    (
        "watermark regresses",
        Law::HighWatermark,
        spoil::watermark_back,
    ),
    (
        "fetch past the watermark",
        Law::HighWatermark,
        spoil::past_watermark,
    ),
    (
        "out of range below an ack",
        Law::HighWatermark,
        spoil::out_of_range,
    ),
    (
        "ack of a deposed leader",
        Law::OneLeaderPerEpoch,
        spoil::deposed,
    ),
    ("commit rewinds", Law::CommittedOffsets, spoil::commit_back),
    (
        "commit is forgotten",
        Law::CommittedOffsets,
        spoil::commit_gone,
    ),
    ("commit passes", Law::CommittedOffsets, spoil::commit_passes),
    (
        "one replica diverges",
        Law::ReplicasConverge,
        spoil::diverge,
    ),
    (
        "one byte diverges",
        Law::ReplicasConverge,
        spoil::diverge_byte,
    ),
    (
        "metadata differs",
        Law::MetadataAgrees,
        spoil::metadata_differs,
    ),
    (
        "a topic is gone everywhere",
        Law::MetadataAgrees,
        spoil::topic_gone,
    ),
    (
        "search lacks a record",
        Law::SearchFollowsLog,
        spoil_search::lacks,
    ),
    (
        "search finds a record twice",
        Law::SearchFollowsLog,
        spoil_search::twice,
    ),
    (
        "search is ahead of the log",
        Law::SearchFollowsLog,
        spoil_search::ahead,
    ),
];

#[test]
fn every_mutation_is_caught_by_its_law() {
    for (name, law, spoil) in MUTATIONS {
        let mut spoilt = 0;
        for seed in SEEDS {
            let mut history = clean(seed, Shape::SMALL);
            let mut rng = StdRng::seed_from_u64(seed);
            if spoil(&mut history, &mut rng).is_none() {
                continue;
            }
            spoilt += 1;
            let judgement = judge(&history);
            assert_eq!(judgement.verdict, Verdict::Failed, "{name}, seed {seed}");
            let verdict = judgement.law(law);
            assert_eq!(
                verdict.result,
                LawResult::Failed,
                "{name}, seed {seed}: {law}"
            );
            assert!(!verdict.anomalies.is_empty() && verdict.anomalies.len() <= 10);
        }
        assert!(spoilt >= 10, "{name} was tried {spoilt} times");
    }
}

#[test]
fn a_death_is_caught() {
    let mut history = clean(1, Shape::SMALL);
    for event in &mut history.nodes {
        if let NodeLife::Exited { asked, .. } = &mut event.life {
            *asked = false;
        }
    }
    assert_eq!(
        judge(&history).law(Law::NoNodeDies).result,
        LawResult::Failed
    );
}
