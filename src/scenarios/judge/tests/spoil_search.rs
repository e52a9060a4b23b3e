//! The ways to spoil what search found.

use rand::Rng;
use rand::rngs::StdRng;

use super::super::super::history::{History, Records, SearchRead, ValueId};

type Hits = Vec<(i64, ValueId)>;

/// Some node's reading of a partition, its hits one by one, and one of their places.
fn some<'a>(
    history: &'a mut History,
    rng: &mut StdRng,
) -> Option<(&'a mut SearchRead, Hits, usize)> {
    let chosen = rng.random_range(0..history.searches.len());
    let search = &mut history.searches[chosen];
    let hits: Hits = search
        .hits
        .values
        .iter()
        .flat_map(|run| run.pairs())
        .collect();
    let place = rng.random_range(0..hits.len().max(1));
    (!hits.is_empty()).then_some((search, hits, place))
}

fn records(hits: &[(i64, ValueId)]) -> Records {
    let mut records = Records::default();
    for (offset, value) in hits {
        records.push(*offset, *value);
    }
    records
}

pub(super) fn lacks(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let acked: Vec<_> = history
        .attempts
        .iter()
        .filter_map(|attempt| Some((attempt.partition, attempt.acked()?)))
        .collect();
    let (search, mut hits, _) = some(history, rng)?;
    // What was never acked may be missing.
    let own = acked
        .iter()
        .find(|(partition, _)| *partition == search.partition);
    let (_, base) = own?;
    hits.retain(|(offset, _)| offset != base);
    search.hits = records(&hits);
    Some(())
}

pub(super) fn twice(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let (search, mut hits, place) = some(history, rng)?;
    hits.insert(place, hits[place]);
    search.hits = records(&hits);
    Some(())
}

pub(super) fn ahead(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let (search, mut hits, _) = some(history, rng)?;
    let (offset, value) = *hits.last()?;
    hits.push((offset + 1, ValueId(value.0 + 1)));
    search.hits = records(&hits);
    Some(())
}
