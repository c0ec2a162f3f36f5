//! What waits for a person, and what became of what did.

use bincode::{Decode, Encode};

use crate::{
    domain::{
        ids::Seq,
        registry::approvals::{Approval, Outcome},
        time::{Stamp, UnixMillis},
    },
    ledger::{
        codec::CodecError,
        schema::{
            events::ApprovalRequested,
            v1::{Decision, Principal, Withdrawal},
        },
    },
};

#[derive(Encode, Decode)]
pub(super) struct Kept {
    request: ApprovalRequested,
    asked: (u64, u64),
    ended: Option<(u64, u64, Ended)>,
}

#[derive(Encode, Decode)]
enum Ended {
    Decided(Decision, Principal),
    Expired,
    Withdrawn(Withdrawal),
}

impl From<&Approval> for Kept {
    fn from(Approval { request, asked, ended }: &Approval) -> Self {
        let ended = ended.as_ref().map(|(stamp, outcome)| {
            let ended = match outcome {
                Outcome::Decided(decision, by) => Ended::Decided((*decision).into(), by.into()),
                Outcome::Expired => Ended::Expired,
                Outcome::Withdrawn(why) => Ended::Withdrawn((*why).into()),
            };
            (stamp.seq.0, stamp.at.0, ended)
        });
        Self { request: request.into(), asked: (asked.seq.0, asked.at.0), ended }
    }
}

impl TryFrom<Kept> for Approval {
    type Error = CodecError;

    fn try_from(Kept { request, asked, ended }: Kept) -> Result<Self, CodecError> {
        let stamp = |seq, at| Stamp { seq: Seq(seq), at: UnixMillis(at) };
        let ended = ended.map(|(seq, at, ended)| {
            let outcome = match ended {
                Ended::Decided(decision, by) => Outcome::Decided(decision.into(), by.into()),
                Ended::Expired => Outcome::Expired,
                Ended::Withdrawn(why) => Outcome::Withdrawn(why.into()),
            };
            (stamp(seq, at), outcome)
        });
        Ok(Self { request: request.try_into()?, asked: stamp(asked.0, asked.1), ended })
    }
}
