//! The one integration binary.

mod cluster;
mod damage;
mod failover;
mod hostile;
mod load;
mod partition;
mod preconditions;
mod produce;
mod restart;
mod tell;
mod terms;
mod wait;
