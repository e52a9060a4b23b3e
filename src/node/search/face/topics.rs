//! Which topics a request means.

use std::sync::Arc;

use super::Face;
use super::parse::{Params, fits, shown};
use super::refusal::Refusal;
use crate::node::cluster::Cluster;
use crate::node::metadata::{MetadataImage, TopicImage};
use crate::node::search::fan_out::Shard;
use crate::spec::configs::TopicConfigs;

/// Names of one request.
const MAX_NAMES: usize = 1000;

/// How topics that are not there are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leniency {
    /// A name without a searchable topic is passed over.
    pub(super) ignore_unavailable: bool,
    /// Stars may fit nothing.
    pub(super) allow_none: bool,
}

impl Leniency {
    /// As the parameters say.
    pub(super) fn of(params: &Params) -> Result<Self, Refusal> {
        match params.get("expand_wildcards") {
            None | Some("open" | "all" | "open,hidden") => {}
            Some(other) => {
                let reason = format!("[expand_wildcards] [{}] is not served", shown(other));
                return Err(Refusal::argument(reason));
            }
        }
        Ok(Self {
            ignore_unavailable: params.flag("ignore_unavailable", false)?,
            allow_none: params.flag("allow_no_indices", true)?,
        })
    }
}

/// The searchable topics that `names` means, by name: all of them without names. A star fits
/// searchable topics only; what is named must be there and searchable.
pub(super) fn resolve(
    face: &Face,
    names: Option<&str>,
    leniency: Leniency,
) -> Result<Vec<Arc<TopicImage>>, Refusal> {
    let cluster = face.fan.cluster();
    let image = cluster.image();
    let names = names.unwrap_or("*");
    if names.split(',').nth(MAX_NAMES).is_some() {
        let reason = format!("a request names at most {MAX_NAMES} topics");
        return Err(Refusal::argument(reason));
    }
    let mut found: Vec<Arc<TopicImage>> = Vec::new();
    for name in names.split(',') {
        match name.strip_prefix('-').filter(|_| !found.is_empty()) {
            Some(excluded) => found.retain(|topic| !fits(excluded, &topic.name)),
            None if name == "_all" || name.contains('*') => {
                let pattern = if name == "_all" { "*" } else { name };
                let fitting = searchable_topics(cluster, &image);
                found.extend(fitting.filter(|topic| fits(pattern, &topic.name)).cloned());
            }
            None => match named(cluster, &image, name) {
                Ok(topic) => found.push(topic),
                Err(_) if leniency.ignore_unavailable => {}
                Err(refusal) => return Err(refusal),
            },
        }
    }
    if found.is_empty() && !leniency.allow_none {
        return Err(Refusal::no_topic(&shown(names)));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}

fn searchable_topics<'a>(
    cluster: &'a Cluster,
    image: &'a MetadataImage,
) -> impl Iterator<Item = &'a Arc<TopicImage>> {
    let topics = image.topics.values();
    topics.filter(|topic| !topic.is_internal() && is_searchable(cluster, topic))
}

/// Whether a topic's records can be searched.
pub(super) fn is_searchable(cluster: &Cluster, topic: &TopicImage) -> bool {
    TopicConfigs::new(&topic.configs, &cluster.spec().settings).is_searchable()
}

fn named(cluster: &Cluster, image: &MetadataImage, name: &str) -> Result<Arc<TopicImage>, Refusal> {
    let topic = image
        .topic(name)
        .ok_or_else(|| Refusal::no_topic(&shown(name)))?;
    if topic.is_internal() || !is_searchable(cluster, topic) {
        return Err(Refusal::not_searchable(name));
    }
    Ok(Arc::clone(topic))
}

/// One searchable topic by its name.
pub(super) fn one(face: &Face, name: &str) -> Result<Arc<TopicImage>, Refusal> {
    let cluster = face.fan.cluster();
    named(cluster, &cluster.image(), name)
}

/// All partitions of topics, by topic and partition.
pub(super) fn shards(topics: &[Arc<TopicImage>]) -> Vec<Shard> {
    let of_topic = |topic: &Arc<TopicImage>| {
        let topic = Arc::clone(topic);
        (0..topic.partitions.len() as u32).map(move |partition| Shard {
            topic: Arc::clone(&topic),
            partition,
        })
    };
    topics.iter().flat_map(of_topic).collect()
}
