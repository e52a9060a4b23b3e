//! Who stands for election, and when: the failure detector's word, not a timer, starts it.
//!
//! For each group without a standing leader, the survivors tell each other where their logs end;
//! the one with the longest stands at once, the next after [`defaults::NEXT_CANDIDATE`], then with
//! jitter. A node stands only while it hears a majority of the voters and none of those still
//! hears the leader, so that one cut edge never makes two nodes depose each other for ever.
//! Safety is Raft's: nothing here can elect a node that the votes would not.

mod candidacy;
mod round;

pub(in crate::node) use round::{Elections, Parts};
pub(in crate::node::raft) use round::{TAG, Words, decode};
