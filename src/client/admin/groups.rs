//! Finding a group's coordinator.

use std::net::SocketAddr;

use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;

use super::{Admin, view};
use crate::client::error::{CallError, ClientError};
use crate::spec::NodeId;

/// The broker that coordinates a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinator {
    /// Its id.
    pub node: NodeId,
    /// Where to dial it.
    pub addr: SocketAddr,
}

impl Admin {
    /// The coordinator of a group, as this broker knows it.
    pub async fn find_coordinator(&self, group: &str) -> Result<Coordinator, CallError> {
        let request =
            FindCoordinatorRequest::default().with_key(StrBytes::from_string(group.to_owned()));
        let answer = self.call(request).await?;
        self.check(answer.error_code, answer.error_message.as_ref())?;
        let node = u64::try_from(answer.node_id.0).ok().map(NodeId);
        let addr = match u16::try_from(answer.port) {
            Ok(port) => view::resolve(&answer.host, port).await,
            Err(_no_port) => None,
        };
        let (Some(node), Some(addr)) = (node, addr) else {
            let why = "a coordinator without an address";
            return Err(ClientError::malformed(self.addr(), why).into());
        };
        Ok(Coordinator { node, addr })
    }
}
