//! The parent: it owns every node process of a cluster, its ports, its links and its directory.
//!
//! One actor with one loop and one closed event enum; one task per node; one file that spawns,
//! signals and reaps. It knows a node only by its spec file, its report lines, its exit code and
//! what any client could ask it: it never imports `node`, prints nothing and reads no
//! environment.

mod directory;
mod doctor;
mod name;
mod places;
mod relay;
mod trouble;

pub use directory::{ClusterDir, DirectoryError, Entry, find, list, sweep};
pub use doctor::{Finding, Health, examine};
pub use name::{BadName, ClusterName};
pub use places::{PlaceError, Places};
pub use relay::{ActiveFault, Fault, FaultError, FaultId, MAX_DELAY, Relays, Traffic, grammar};
pub use trouble::{Trouble, TroubleCode};
