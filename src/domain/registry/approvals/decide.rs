//! The rules: who asks is known to the operation, the first answer wins, and time is up when it is up.

use super::{
    super::{Event as Happened, Registry},
    Approval, Command, Decision, Event, Outcome, PENDING_MAX, Request, Withdrawal,
};
use crate::domain::{
    Decider,
    ids::ApprovalId,
    operation::Operation,
    permit::Permit,
    refusal::{ApprovalFault, Refusal},
    time::UnixMillis,
};

type Decided = Result<Vec<Event>, Refusal>;

/// Decides one command.
pub(in crate::domain::registry) fn decide(
    state: &Registry,
    permit: &Permit,
    command: Command,
) -> Result<Vec<Happened>, Refusal> {
    let decided = match command {
        Command::Request(request) => ask(state, permit, request),
        Command::Decide { id, decision, now } => answer(state, permit, id, decision, now),
        Command::Expire { id, now } => expire(state, permit, id, now),
        Command::Withdraw { id, why } => withdraw(state, permit, id, why),
    };
    Ok(decided?.into_iter().map(Happened::Approval).collect())
}

/// An id that is known already asks nothing again.
fn ask(state: &Registry, permit: &Permit, request: Box<Request>) -> Decided {
    permit.expect(Operation::RequestApproval)?;
    state.authority(permit)?;
    if state.approvals.get(request.id).is_some() {
        return Ok(vec![]);
    }
    if !request.presentation.fits() {
        return Err(Refusal::LimitReached { what: "characters of an approval" });
    }
    if state.approvals.pending_count() >= PENDING_MAX {
        return Err(Refusal::LimitReached { what: "pending approvals" });
    }
    Ok(vec![Event::Requested(request)])
}

fn answer(
    state: &Registry,
    permit: &Permit,
    id: ApprovalId,
    decision: Decision,
    now: UnixMillis,
) -> Decided {
    permit.expect(Operation::DecideApproval)?;
    state.authority(permit)?;
    let approval = state.approvals.get(id).ok_or(ApprovalFault::Unknown)?;
    if let Some((_, outcome)) = &approval.ended {
        return Err(outcome.closed().into());
    }
    // The sweeper may come a moment later; time is up all the same.
    if now >= approval.request.until {
        return Err(Outcome::Expired.closed().into());
    }
    let offered = &approval.request.offered;
    if decision != Decision::Deny && !offered.contains(&decision) {
        let offered = offered.iter().map(|decision| decision.name()).collect();
        return Err(ApprovalFault::NotOffered { decision: decision.name(), offered }.into());
    }
    Ok(vec![Event::Decided { id, decision, by: permit.principal().clone() }])
}

fn expire(state: &Registry, permit: &Permit, id: ApprovalId, now: UnixMillis) -> Decided {
    permit.expect(Operation::EndApproval)?;
    let is_over = |approval: &&Approval| now >= approval.request.until;
    Ok(state
        .approvals
        .waiting(id)
        .filter(is_over)
        .map(|_| Event::Expired { id })
        .into_iter()
        .collect())
}

fn withdraw(state: &Registry, permit: &Permit, id: ApprovalId, why: Withdrawal) -> Decided {
    permit.expect(Operation::EndApproval)?;
    Ok(state.approvals.waiting(id).map(|_| Event::Withdrawn { id, why }).into_iter().collect())
}
