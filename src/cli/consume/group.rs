//! `consume --group`: one more member of a consumer group, until `--max` or Ctrl-C.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sink::Sink;
use super::{Args, GIVE_UP_AFTER, Target, failure, tell};
use crate::cli::context::Context;
use crate::cli::outcome::{CommandResult, Exit, Failure};
use crate::client::bootstrap;
use crate::client::consumer::Consumed;
use crate::client::group::{GroupConsumer, GroupError, GroupSettings, GroupTold, Setback};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads and prints this member's share; then commits, and leaves the group.
pub(super) async fn read(
    context: &Context,
    args: &Args,
    target: &Target,
    group: &str,
) -> CommandResult {
    check_topic(target, &args.topic).await?;
    let mut consumer = GroupConsumer::new(GroupSettings {
        bootstrap: target.brokers.clone(),
        group: group.to_owned(),
        topic: args.topic.clone(),
        start: args.start(),
        give_up_after: GIVE_UP_AFTER,
    });
    let mut share = Share {
        context,
        group,
        sink: Sink::new(context, args),
        positions: BTreeMap::new(),
        lost: false,
    };
    let read = tokio::select! {
        read = share.drain(&mut consumer) => read,
        // Ctrl-C is how reading in a group ends.
        _interrupt = tokio::signal::ctrl_c() => Ok(()),
    };
    if let Err(error) = consumer.leave().await {
        context.warn(format!(
            "group {group}: what was printed last is not committed, and comes again: {error}"
        ));
    }
    read.map_err(|ended| match ended {
        Ended::Group(error) => refused(target, &args.topic, error),
        Ended::Print(failure) => failure,
    })?;
    Ok(share.sink.conclude(&share.positions))
}

/// A group would wait for the partitions of a topic that does not exist.
async fn check_topic(target: &Target, topic: &str) -> Result<(), Failure> {
    let found = bootstrap::any(&target.brokers, TIMEOUT).await;
    let (admin, _) = found.map_err(|error| target.unreachable(&error))?;
    let view = admin.metadata(Some(&[topic])).await;
    let view = view.map_err(|error| target.refused("look for the topic", &error))?;
    match view.topic(topic) {
        Some(found) if !found.partitions.is_empty() => Ok(()),
        _ => Err(target.no_topic(topic)),
    }
}

enum Ended {
    Group(GroupError),
    Print(Failure),
}

/// What this member reads.
struct Share<'a> {
    context: &'a Context,
    group: &'a str,
    sink: Sink<'a>,
    positions: BTreeMap<u32, i64>,
    /// The coordinator is being looked for, and that was said.
    lost: bool,
}

impl Share<'_> {
    async fn drain(&mut self, consumer: &mut GroupConsumer) -> Result<(), Ended> {
        while !self.sink.is_full() {
            match consumer.next().await.map_err(Ended::Group)? {
                GroupTold::Assigned {
                    generation,
                    partitions,
                } => self.tell_share(generation, &partitions),
                GroupTold::Setback(setback) => self.tell_setback(&setback),
                GroupTold::Consumed(Consumed::Records { partition, records }) => {
                    let next = self.sink.take(partition, &records).map_err(Ended::Print)?;
                    if let Some(next) = next {
                        consumer.done(partition, next);
                        self.positions.insert(partition, next);
                    }
                }
                GroupTold::Consumed(other) => tell(self.context, &other),
            }
        }
        Ok(())
    }

    fn tell_share(&mut self, generation: i32, partitions: &[u32]) {
        self.lost = false;
        let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        let share = match numbers.as_slice() {
            [] => String::from("no partition for this consumer"),
            [one] => format!("partition {one}"),
            several => format!("partitions {}", several.join(", ")),
        };
        let group = self.group;
        self.context
            .say(format!("group {group}, generation {generation}: {share}"));
    }

    /// A coordinator is looked for many times a second, and that is said once.
    fn tell_setback(&mut self, setback: &Setback) {
        let line = format!("group {}: {setback}", self.group);
        match setback {
            Setback::Seek(_) if self.lost => self.context.detail(line),
            Setback::Seek(_) => {
                self.lost = true;
                self.context.say(line);
            }
            Setback::Rejoin(_) | Setback::Refused(_) => self.context.detail(line),
        }
    }
}

fn refused(target: &Target, topic: &str, error: GroupError) -> Failure {
    match error {
        GroupError::Consume(error) => failure(target, topic, error),
        GroupError::Refused { group, source } => {
            let message = format!("group {group:?} does not take this consumer");
            Failure::new(Exit::Precondition, "REFUSED", message)
                .fact(format!("caused by: {source}"))
                .hint("its members may have no range assignor: choose another --group NAME")
        }
        GroupError::Stuck { group, source } => {
            let message = format!("group {group:?} cannot be joined");
            Failure::new(Exit::NotReady, "NO_ANSWER", message)
                .fact(format!("caused by: {source}"))
                .hint(target.look())
        }
    }
}
