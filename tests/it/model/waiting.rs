//! One approval that waits for a person, and its ends.

use doorward::domain::{
    ids::ApprovalId,
    operation::Operation,
    principal::{Rule, Standing},
    registry::{
        Command, Registry,
        approvals::{
            Asker, Command as Approving, Decision, Kind, Outcome, Presentation, Request, Withdrawal,
        },
    },
    time::UnixMillis,
};

use super::{
    action::Call,
    world::{SOON, Who, World},
};

const APPROVAL: ApprovalId = ApprovalId([7; 16]);

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    Ask,
    Answer(Who, Decision),
    Expire,
    Withdraw,
}

impl Waiting {
    /// Everything that there is to try here.
    pub fn all(world: &World, askers: impl Iterator<Item = Who>) -> Vec<Self> {
        let known = world.registry.approvals().get(APPROVAL).is_some();
        if !known {
            return vec![Self::Ask];
        }
        let answers = [Decision::AllowOnce, Decision::AllowAlways, Decision::Deny];
        let answers = askers.flat_map(|who| answers.map(|decision| Self::Answer(who, decision)));
        answers.chain([Self::Expire, Self::Withdraw]).collect()
    }

    /// The command.
    pub fn call(self, world: &mut World) -> Option<Call> {
        let (id, now) = (APPROVAL, world.now());
        let (who, operation, command) = match self {
            Self::Ask => {
                let request = Box::new(request());
                let rule = Standing::system(Rule::AgentRun);
                (rule, Operation::RequestApproval, Approving::Request(request))
            }
            Self::Answer(who, decision) => {
                let command = Approving::Decide { id, decision, now };
                (world.standing(who)?, Operation::DecideApproval, command)
            }
            Self::Expire => {
                world.clock = world.clock.max(SOON);
                let (rule, now) = (Standing::system(Rule::Expiry), world.now());
                (rule, Operation::EndApproval, Approving::Expire { id, now })
            }
            Self::Withdraw => {
                let command = Approving::Withdraw { id, why: Withdrawal::RunEnded };
                (Standing::system(Rule::AgentRun), Operation::EndApproval, command)
            }
        };
        Some((who, operation, Command::Approval(command)))
    }
}

/// What became of it, in a word, and whether it is there.
pub fn status(registry: &Registry) -> (bool, Option<&'static str>) {
    let approval = registry.approvals().get(APPROVAL);
    let outcome = approval.and_then(|approval| Some(approval.ended.as_ref()?.1.status()));
    (approval.is_some(), outcome)
}

/// Whether what has ended stayed as it was, and nothing was decided that was over or not offered.
pub fn ended_once(before: &World, after: &World) -> bool {
    let ended = |world: &World| {
        let approval = world.registry.approvals().get(APPROVAL)?;
        approval.ended.clone()
    };
    match (ended(before), ended(after)) {
        (Some(before), after) => after == Some(before),
        (None, Some((_, Outcome::Decided(decision, _)))) => {
            before.now().0 < SOON && decision != Decision::AllowAlways
        }
        (None, Some((_, Outcome::Expired))) => after.now().0 >= SOON,
        _ => true,
    }
}

fn request() -> Request {
    let (title, description) = ("a file".into(), "an agent asks".into());
    Request {
        id: APPROVAL,
        kind: Kind::Plugin,
        asker: Asker::default(),
        presentation: Presentation { title, description, ..Presentation::default() },
        offered: [Decision::AllowOnce, Decision::Deny].into(),
        until: UnixMillis(SOON),
    }
}
