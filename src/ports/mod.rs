//! Ports on loopback: which ones a cluster takes, how they are kept for it, and how a node binds them.
//!
//! Promises: two launchers of one user never get overlapping plans; a leased port refuses dials
//! until its node listens, and stays leased while that node is down. It decides nothing about
//! when to move a plan or what to tell the user, and it binds loopback only (the momentary
//! probe of `portpicker` aside).
//!
//! ```text
//! launcher                                          node
//! lock file per port  (decides between launchers)
//! bind + listen, REUSEADDR; close  (is it free?)
//! bind, REUSEPORT only, no listen  (kept)  ───────▶ bind, REUSEADDR + REUSEPORT; listen
//!                                          dead ──▶ dials are refused, the port is still ours
//! ```

mod acquire;
mod holder;
mod lease;
mod locks;
mod loopback;
mod plan;
#[cfg(test)]
mod tests;

pub use acquire::{Acquired, PlanPolicy, acquire};
pub use holder::{Holder, holder_of};
pub use lease::{LeaseError, PortLease, PortTaken, lease, survey};
pub use locks::{LockError, PortLocks};
pub use loopback::{BindError, Family, bind_listener, bind_loopback, families};
pub use plan::{PlanError, SearchPorts, highest_base, plan};
