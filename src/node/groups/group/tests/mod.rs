//! The state machine, event by event, under a clock that the tests move.

mod joining;
mod leaving;
mod statics;
mod syncing;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::*;
use crate::node::groups::records::{GroupValue, Key};

pub(super) const SESSION: Duration = Duration::from_secs(10);
pub(super) const REBALANCE: Duration = Duration::from_mins(1);

/// A group with its clock and what it wanted done.
pub(super) struct Bench {
    pub(super) group: Group,
    pub(super) now: Now,
    pub(super) fx: Effects,
    tickets: u64,
}

/// A JoinGroup under construction.
pub(super) fn member(id: &str) -> Join {
    Join {
        ticket: Ticket(0),
        version: 5,
        member_id: id.to_owned(),
        fresh_id: String::new(),
        instance: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".into(),
        protocols: offers(&["range"]),
    }
}

/// A member that still has no id and will get this one.
pub(super) fn newcomer(fresh_id: &str) -> Join {
    Join {
        fresh_id: fresh_id.to_owned(),
        version: 3,
        ..member("")
    }
}

/// A static member's first JoinGroup, whose id will be this one.
pub(super) fn static_newcomer(instance: &str, fresh_id: &str) -> Join {
    Join {
        instance: Some(instance.to_owned()),
        version: 8,
        ..newcomer(fresh_id)
    }
}

pub(super) fn offers(names: &[&str]) -> Vec<Protocol> {
    let offer = |name: &&str| Protocol {
        name: (*name).to_owned(),
        metadata: Bytes::from(format!("topics by {name}")),
    };
    names.iter().map(offer).collect()
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with_delay(Duration::ZERO)
    }

    pub(super) fn with_delay(delay: Duration) -> Self {
        let now = Now {
            at: Instant::now(),
            wall_ms: 1_000_000,
        };
        Self {
            group: Group::new("g", delay, now),
            now,
            fx: Effects::default(),
            tickets: 0,
        }
    }

    /// Moves the clock, firing every timer at its own time on the way.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now.at + time;
        while let Some(due) = self.group.deadline().filter(|due| *due <= until) {
            self.go_to(due);
            self.group.expire(self.now, &mut self.fx);
        }
        self.go_to(until);
    }

    fn go_to(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.now.at);
        self.now.wall_ms += passed.as_millis() as i64;
        self.now.at = at.max(self.now.at);
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn join(&mut self, join: Join) -> Ticket {
        let ticket = self.ticket();
        self.group
            .join(Join { ticket, ..join }, self.now, &mut self.fx);
        ticket
    }

    /// Joins and expects an answer at once.
    pub(super) fn join_now(&mut self, join: Join) -> Result<Joined, JoinRefused> {
        let ticket = self.join(join);
        self.joined(ticket).expect("the join is answered at once")
    }

    pub(super) fn sync(&mut self, id: &str, generation: i32, assigned: &[&str]) -> Ticket {
        let ticket = self.ticket();
        let assignment = assigned
            .iter()
            .map(|id| ((*id).to_owned(), Bytes::from(format!("work of {id}"))));
        let sync = Sync {
            ticket,
            member_id: id.to_owned(),
            instance: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignment: assignment.collect(),
        };
        self.group.sync(sync, self.now, &mut self.fx);
        ticket
    }

    fn answer(&mut self, ticket: Ticket) -> Option<Answer> {
        let at = self.fx.answers.iter().position(|(of, _)| *of == ticket)?;
        Some(self.fx.answers.remove(at).1)
    }

    pub(super) fn joined(&mut self, ticket: Ticket) -> Option<Result<Joined, JoinRefused>> {
        match self.answer(ticket)? {
            Answer::Join(answer) => Some(answer),
            other => panic!("a join was answered with {other:?}"),
        }
    }

    pub(super) fn synced(&mut self, ticket: Ticket) -> Option<Result<Bytes, ResponseError>> {
        match self.answer(ticket)? {
            Answer::Sync(answer) => Some(answer.map(|synced| synced.assignment)),
            other => panic!("a sync was answered with {other:?}"),
        }
    }

    /// Ends the oldest write and gives what it stored.
    pub(super) fn store(&mut self, result: Result<(), ResponseError>) -> GroupValue {
        let write = self.fx.writes.remove(0);
        assert_eq!(write.entries.len(), 1);
        let entry = &write.entries[0];
        let group = "g".to_owned();
        assert_eq!(Key::decode(&entry.key), Ok(Key::Group { group }));
        let (now, fx) = (self.now, &mut self.fx);
        match write.done {
            Done::Assignment {
                generation,
                assignment,
            } => self.group.assigned(generation, assignment, result, now, fx),
            Done::StaticRejoin { ticket, joined } => {
                self.group.static_rejoined(ticket, *joined, result, now, fx);
            }
            Done::Nothing => {}
            done => panic!("members do not write {done:?}"),
        }
        GroupValue::decode(entry.value.as_ref().unwrap()).unwrap()
    }

    pub(super) fn heartbeat(&mut self, id: &str, generation: i32) -> Result<(), ResponseError> {
        self.group.heartbeat(id, None, generation, self.now)
    }

    pub(super) fn leave(&mut self, id: &str) -> Result<(), ResponseError> {
        let leaver = Leaver {
            member_id: id.to_owned(),
            instance: None,
        };
        self.group.leave(&leaver, self.now, &mut self.fx)
    }

    /// A stable group of dynamic members in generation 2 (1 when there is only one).
    pub(super) fn stable(ids: &[&str]) -> Self {
        let mut bench = Self::new();
        bench.settle(ids.iter().map(|id| newcomer(id)).collect());
        bench
    }

    /// Lets these new members in, together, and makes the group stable.
    pub(super) fn settle(&mut self, members: Vec<Join>) {
        let ids: Vec<String> = members.iter().map(|join| join.fresh_id.clone()).collect();
        let first = members[0].clone();
        let mut tickets: Vec<Ticket> = members.into_iter().map(|join| self.join(join)).collect();
        if ids.len() > 1 {
            // The first one was alone in a generation of its own, and has to rejoin.
            self.joined(tickets[0]).unwrap().unwrap();
            tickets[0] = self.join(Join {
                member_id: ids[0].clone(),
                ..first
            });
        }
        for ticket in tickets {
            self.joined(ticket).unwrap().unwrap();
        }
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let generation = self.group.generation;
        let syncs: Vec<Ticket> = all
            .iter()
            .map(|id| self.sync(id, generation, &all))
            .collect();
        self.store(Ok(()));
        for (ticket, id) in syncs.into_iter().zip(&all) {
            let work = self.synced(ticket).unwrap().unwrap();
            assert_eq!(work, format!("work of {id}"));
        }
        assert_eq!(self.group.state_name(), "Stable");
    }

    /// Heartbeats of all these members, and time, again and again.
    pub(super) fn live(&mut self, ids: &[&str], time: Duration) {
        let until = self.now.at + time;
        while self.now.at < until {
            for id in ids {
                let generation = self.group.generation;
                // Whether to rejoin is not what this is about.
                let _ = self.heartbeat(id, generation);
            }
            self.pass(Duration::from_secs(1));
        }
    }

    pub(super) fn ids(&self) -> Vec<&str> {
        self.group.members.keys().map(String::as_str).collect()
    }

    /// What a coordinator knows that reads the log after this one stored `value`.
    pub(super) fn reloaded(&self, value: GroupValue) -> Group {
        let mut group = Group::new("g", Duration::ZERO, self.now);
        group.restore(value, self.now);
        group
    }

    pub(super) fn assignments(&self) -> BTreeMap<String, Bytes> {
        self.group.assignment()
    }
}

pub(super) fn refused(code: ResponseError) -> Result<Joined, JoinRefused> {
    let member_id = String::new();
    Err(JoinRefused { code, member_id })
}
