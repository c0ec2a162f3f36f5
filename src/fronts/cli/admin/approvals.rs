//! The calls about what waits for a person.

use super::{Admin, soon};
use crate::{fronts::cli::exit::Trouble, proto::v1};

impl Admin {
    /// What waits.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn approvals(&mut self) -> Result<v1::ListApprovalsResponse, Trouble> {
        let request = v1::ListApprovalsRequest::default();
        every_page!(self.approvals.list_approvals(soon, request), approvals)
    }

    /// One of them, or one that has ended.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn approval(
        &mut self,
        approval_id: String,
    ) -> Result<v1::GetApprovalResponse, Trouble> {
        answered!(self.approvals.get_approval(soon(v1::GetApprovalRequest { approval_id })))
    }

    /// Decides one.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn decide_approval(
        &mut self,
        request: v1::DecideApprovalRequest,
    ) -> Result<v1::DecideApprovalResponse, Trouble> {
        answered!(self.approvals.decide_approval(soon(request)))
    }

    /// The last that ended.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn ended_approvals(&mut self) -> Result<v1::ListEndedApprovalsResponse, Trouble> {
        let request = v1::ListEndedApprovalsRequest::default();
        every_page!(self.approvals.list_ended_approvals(soon, request), approvals)
    }
}
