//! One order over the hits of all partitions.

use std::cmp::Ordering;

use crate::node::search::{Found, Hit, Order, Question, Scalar, SortKey};

/// A hit and the partition that it is of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::node::search) struct Placed {
    /// The partition's place among those that were asked: by topic, then by partition.
    pub(in crate::node::search) shard: usize,
    /// The hit.
    pub(in crate::node::search) hit: Hit,
}

/// The hits of all partitions in the question's order, at most its `top`.
pub(in crate::node::search) fn merged(
    found: Vec<(usize, Vec<Hit>)>,
    question: &Question,
) -> Vec<Placed> {
    let mut all: Vec<Placed> = found
        .into_iter()
        .flat_map(|(shard, hits)| hits.into_iter().map(move |hit| Placed { shard, hit }))
        .collect();
    all.sort_by(|a, b| compare(a, b, question));
    all.truncate(question.top);
    all
}

/// Takes away the hits that cannot be among the best of these partitions together.
pub(super) fn trim(mut found: Vec<&mut Found>, question: &Question) {
    let count: usize = found.iter().map(|found| found.hits.len()).sum();
    if count <= question.top {
        return;
    }
    let hits = found.iter_mut().enumerate();
    let hits = hits.map(|(shard, found)| (shard, std::mem::take(&mut found.hits)));
    for placed in merged(hits.collect(), question) {
        found[placed.shard].hits.push(placed.hit);
    }
}

/// By the keys of the order, then by place.
fn compare(a: &Placed, b: &Placed, question: &Question) -> Ordering {
    if question.sort.is_empty() {
        let score = |placed: &Placed| placed.hit.score.unwrap_or(0.0);
        let by_score = score(b).total_cmp(&score(a));
        return by_score.then_with(|| place(a).cmp(&place(b)));
    }
    let keys = question.sort.iter().enumerate();
    let mut ordered = keys.map(|(index, by)| match by.key {
        SortKey::Place => directed(place(a).cmp(&place(b)), by.order),
        SortKey::Score | SortKey::Field(_) => by_value(value(a, index), value(b, index), by.order),
    });
    let decided = ordered.find(|ordering| ordering.is_ne());
    decided.unwrap_or_else(|| place(a).cmp(&place(b)))
}

fn value(placed: &Placed, index: usize) -> Option<&Scalar> {
    placed.hit.sort.get(index)?.as_ref()
}

fn place(placed: &Placed) -> (usize, i64) {
    (placed.shard, placed.hit.offset)
}

fn directed(ordering: Ordering, order: Order) -> Ordering {
    match order {
        Order::Rising => ordering,
        Order::Falling => ordering.reverse(),
    }
}

/// Records without a value come last, whichever way the order goes.
fn by_value(a: Option<&Scalar>, b: Option<&Scalar>, order: Order) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => directed(by_scalar(a, b), order),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// Numbers by their size, texts by their bytes; of different kinds, numbers first.
fn by_scalar(a: &Scalar, b: &Scalar) -> Ordering {
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
        (Scalar::Truth(a), Scalar::Truth(b)) => a.cmp(b),
        _ => match (whole(a), whole(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => match (number(a), number(b)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => kind(a).cmp(&kind(b)),
            },
        },
    }
}

fn whole(value: &Scalar) -> Option<i64> {
    match value {
        Scalar::Whole(number) | Scalar::Moment(number) => Some(*number),
        _ => None,
    }
}

fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Whole(number) | Scalar::Moment(number) => Some(*number as f64),
        Scalar::Fraction(number) => Some(*number),
        Scalar::Text(_) | Scalar::Truth(_) => None,
    }
}

fn kind(value: &Scalar) -> u8 {
    match value {
        Scalar::Whole(_) | Scalar::Fraction(_) | Scalar::Moment(_) => 0,
        Scalar::Truth(_) => 1,
        Scalar::Text(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::node::search::{Field, Query, SortBy};

    fn question(top: usize, sort: Vec<(SortKey, Order)>) -> Question {
        let by = |(key, order)| SortBy { key, order };
        Question {
            query: Query::All,
            top,
            sort: sort.into_iter().map(by).collect(),
            count_to: 0,
            aggregations: None,
        }
    }

    fn hit(offset: i64, score: f32, sort: Vec<Option<Scalar>>) -> Hit {
        Hit {
            offset,
            score: Some(score),
            sort,
        }
    }

    fn places(merged: &[Placed]) -> Vec<(usize, i64)> {
        merged.iter().map(place).collect()
    }

    #[test]
    fn the_best_of_all_come_first_and_ties_by_place() {
        let found = vec![
            (1, vec![hit(4, 2.0, vec![]), hit(1, 1.0, vec![])]),
            (0, vec![hit(9, 2.0, vec![]), hit(2, 0.5, vec![])]),
        ];
        let merged = merged(found, &question(3, vec![]));
        assert_eq!(places(&merged), [(0, 9), (1, 4), (1, 1)]);
    }

    #[test]
    fn who_lacks_the_field_is_last_both_ways() {
        let whole = |n| vec![Some(Scalar::Whole(n))];
        let found = || {
            vec![
                (0, vec![hit(0, 0.0, vec![None]), hit(1, 0.0, whole(5))]),
                (1, vec![hit(2, 0.0, vec![Some(Scalar::Fraction(5.5))])]),
            ]
        };
        let by = |order| question(9, vec![(SortKey::Field(Field::Offset), order)]);
        let rising = merged(found(), &by(Order::Rising));
        assert_eq!(places(&rising), [(0, 1), (1, 2), (0, 0)]);
        let falling = merged(found(), &by(Order::Falling));
        assert_eq!(places(&falling), [(1, 2), (0, 1), (0, 0)]);
    }

    #[test]
    fn trimming_keeps_what_the_whole_needs() {
        let found = |hits| Found {
            total: 2,
            hits,
            aggregations: None,
            kinds: BTreeMap::new(),
            indexed_to: 0,
            high_watermark: 0,
        };
        let mut first = found(vec![hit(0, 9.0, vec![]), hit(1, 1.0, vec![])]);
        let mut second = found(vec![hit(0, 8.0, vec![]), hit(1, 7.0, vec![])]);
        trim(vec![&mut first, &mut second], &question(3, vec![]));
        assert_eq!((first.hits.len(), second.hits.len()), (1, 2));
        assert_eq!(first.total, 2);
    }

    #[test]
    fn the_place_can_be_the_order() {
        let found = vec![
            (0, vec![hit(0, 0.0, vec![None])]),
            (1, vec![hit(3, 0.0, vec![None])]),
        ];
        let merged = merged(found, &question(9, vec![(SortKey::Place, Order::Falling)]));
        assert_eq!(places(&merged), [(1, 3), (0, 0)]);
    }
}
