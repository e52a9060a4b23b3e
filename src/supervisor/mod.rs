//! The parent: it owns every node process of a cluster, its ports, its links and its directory.
//!
//! One actor with one loop and one closed event enum; one task per node; one file that spawns,
//! signals and reaps. It knows a node only by its spec file, its report lines, its exit code and
//! what any client could ask it: it never imports `node`, prints nothing and reads no
//! environment.
//!
//! ```text
//!  up (foreground) ──▶ supervise() ─┐                 ┌─▶ node-1 (stdin lifeline, stdout reports)
//!  up -d, run ──▶ Launched ──▶ supervise() ──▶ actor ─┼─▶ node-2
//!  kill, status, ... ──▶ ClusterHandle ── socket ──▲  └─▶ node-3
//! ```

mod actor;
mod contested;
mod control;
mod directory;
mod doctor;
mod event;
mod exit;
mod facts;
mod handle;
mod ladder;
mod last_words;
mod launched;
mod lines;
mod log_tail;
mod name;
mod node_state;
mod node_task;
mod places;
mod prepare;
mod probe;
mod refusals;
mod relay;
mod request;
mod run;
mod selector;
mod slot;
mod spawn;
mod status;
#[cfg(test)]
mod tests;
mod trouble;

pub use actor::Ended;
pub use contested::{ContestedPort, Keep};
pub use control::{Acted, Action, Verb, leader_for};
pub use directory::{ClusterDir, DirectoryError, Entry, find, list, sweep};
pub use doctor::{Finding, Health, PlanOf, deaths, examine};
pub use event::{ClusterEvent, PhaseName};
pub use exit::Exit;
pub use handle::{ClusterHandle, Guard, News, locate, wipe};
pub use ladder::Await;
#[cfg(test)]
pub(crate) use last_words::LastWords;
pub use launched::{Launched, Pace, launch, serve_launcher};
pub use log_tail::{escape, is_error, last_line};
pub use name::{BadName, ClusterName};
pub use places::{PlaceError, Places};
pub use prepare::{DryRun, PrepareError, dry_run};
pub use relay::{ActiveFault, Fault, FaultError, FaultId, MAX_DELAY, Relays, Traffic, grammar};
pub use request::{Home, LaunchRequest, Links, PortWish, SearchWish};
pub use run::{StartError, supervise};
pub use selector::{BadSelector, Selector};
pub use spawn::{Spawner, UserOutput, user_command};
pub use status::{ClusterState, ClusterStatus, FaultView, NodeLoad, NodeView, Phase};
pub use trouble::{Trouble, TroubleCode, command};
