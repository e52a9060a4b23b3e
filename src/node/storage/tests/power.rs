//! Loss of power: at any operation of the disk everything that was not synced goes, and still all
//! that was acknowledged is there; unless a sync is left out, which these tests must notice.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::model::{Pair, Step, steps};
use std::fs;

use super::*;
use crate::node::storage::disk::{Forgotten, Plan, power_cut};

/// Lives of one storage, each ended by a loss of power.
const LIVES: u64 = 3;

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

/// Runs lives until one ends badly; what was wrong then.
fn lose_power_again_and_again(seed: u64, forget: Option<Forgotten>) -> Result<(), String> {
    let dir = ram_dir();
    fs::write(dir.path().join("ledger"), b"").unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut runner = runner(seed);
    let mut pairs: Vec<Pair> = (0..3).map(Pair::new).collect();
    for life in 0..=LIVES {
        let plan = Plan {
            forget,
            die_at: (life < LIVES).then(|| rng.random_range(1..400)),
            ..Plan::default()
        };
        let opened = Storage::open_with(dir.path(), OPTIONS, Faults::planned(plan));
        if let Ok((storage, damage)) = opened {
            if !damage.is_empty() {
                return Err(format!("life {life}: {damage:?}"));
            }
            live(&storage, &mut pairs, (&mut runner, &mut rng))
                .map_err(|what| format!("life {life}: {what}"))?;
        } else if life == LIVES {
            return Err(format!("life {life}: it does not open"));
        }
        power_cut(dir.path(), rng.random()).unwrap();
    }
    Ok(())
}

/// One life: check what is there, then work until the disk dies or the work is done.
fn live(
    storage: &Storage,
    pairs: &mut [Pair],
    (runner, rng): (&mut TestRunner, &mut StdRng),
) -> Result<(), String> {
    for pair in &mut *pairs {
        // The disk may die while the log is being opened.
        if storage.owner.shared.queue.check().is_err() {
            return Ok(());
        }
        pair.reopen(storage)?;
    }
    for _ in 0..120 {
        let n = rng.random_range(0..pairs.len());
        let step = steps().new_tree(runner).unwrap().current();
        if matches!(step, Step::Close) && n == 0 {
            drop(storage.close());
            break;
        }
        if pairs[n].step(&step).is_err() {
            break;
        }
        if n == 1 {
            // Now and then an acknowledgement is waited for, so that there are many batches.
            let (done, result) = done();
            let log = pairs[n].log.clone().unwrap();
            if log.append(Vec::new(), done).is_err() || !matches!(result.recv(), Ok(Ok(()))) {
                break;
            }
        }
    }
    for pair in pairs {
        pair.log = None;
    }
    Ok(())
}

#[test]
fn a_hundred_losses_of_power_lose_nothing_that_was_acknowledged() {
    for seed in 0..100 {
        let result = lose_power_again_and_again(seed, None);
        assert_eq!(result, Ok(()), "seed {seed}");
    }
}

/// A test of power loss that cannot fail would prove nothing.
#[test]
fn each_sync_that_is_left_out_is_noticed() {
    use Forgotten::{Directories, Segments, States, Wal};
    for forgotten in [Wal, Segments, States, Directories] {
        let noticed =
            (0..60).find(|seed| lose_power_again_and_again(1000 + seed, Some(forgotten)).is_err());
        assert!(noticed.is_some(), "nobody misses the sync of {forgotten:?}");
    }
}

/// Without syncs acknowledged entries may go, but what is left is a history that was.
#[test]
fn without_syncs_a_loss_of_power_leaves_an_older_log() {
    for seed in 0..30 {
        let dir = ram_dir();
        fs::write(dir.path().join("ledger"), b"").unwrap();
        let mut random = (runner(seed), StdRng::seed_from_u64(seed));
        let mut pairs: Vec<Pair> = (0..3).map(Pair::new).collect();
        for life in 0..3 {
            let options = StorageOptions {
                sync: SyncMode::Os,
                ..OPTIONS
            };
            let (storage, damage) = Storage::open(dir.path(), options).unwrap();
            assert_eq!(damage, [], "seed {seed}, life {life}");
            for pair in &mut pairs {
                pair.acknowledged = std::sync::Arc::default();
            }
            let lived = live(&storage, &mut pairs, (&mut random.0, &mut random.1));
            assert_eq!(lived, Ok(()), "seed {seed}, life {life}");
            drop(storage);
            power_cut(dir.path(), seed).unwrap();
        }
    }
}
