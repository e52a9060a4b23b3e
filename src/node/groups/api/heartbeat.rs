//! Heartbeat, versions 0 to 4.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::check;
use crate::node::groups::Groups;
use crate::node::groups::facade::Home;
use crate::node::groups::group::Committer;
use crate::node::groups::shard::OffsetsLog;

impl Groups {
    /// Notes that a member lives, and tells it whether to rejoin.
    pub(in crate::node) async fn heartbeat(&self, request: HeartbeatRequest) -> HeartbeatResponse {
        let home = self.home(&request.group_id);
        serve(home, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: Home<L>,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let code = match try_heartbeat(home, request).await {
        // Sessions start over when loading ends, and clients do not expect this error here.
        Err(ResponseError::CoordinatorLoadInProgress) => 0,
        result => check::code(result),
    };
    HeartbeatResponse::default().with_error_code(code)
}

async fn try_heartbeat<L: OffsetsLog>(
    home: Home<L>,
    request: HeartbeatRequest,
) -> Result<(), ResponseError> {
    check::group_with_members(&request.group_id)?;
    let instance = check::instance(request.group_instance_id.as_ref())?;
    let member = Committer {
        member_id: &request.member_id,
        instance: instance.as_deref(),
        generation: request.generation_id,
    };
    let home = home?;
    home.tell(|coordinator, now, _| coordinator.heartbeat(&request.group_id, member, now))
        .await?
}
