//! supervisor

mod relay;

pub use relay::{ActiveFault, Fault, FaultError, FaultId, MAX_DELAY, Relays, Traffic, grammar};
