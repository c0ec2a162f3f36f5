//! `approvals`: operators approve waiting devices, one sync of the ledger for all that wait.
//!
//! Requests are made ahead, a round at a time, because they expire; only the approving is measured.
//! The operators are few, because each hears of every approval, and that news costs too; they come
//! new to each round, so that they have nothing to hear of while its requests are made.
//! There is something to approve only where a gateway does not approve local devices by itself.

use std::{io, sync::Arc};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Name, Target,
    handshake::{self, Answer},
    load::{self, Deadline, Load, Samples},
    pipe::Pipe,
    report::Outcome,
    wire::text_frame,
};
use crate::{fronts::cli::client::Refusal, support::device_key::DeviceKey};

/// Operators that approve at the same time.
pub const OPERATORS: usize = 8;

/// Approvals that each of them has under way.
const DEPTH: usize = 8;

/// Approvals that each of them gives in a round: enough to measure, and few enough for any limit of
/// waiting requests that a gateway may have.
pub const EACH: usize = 64;

/// Devices that ask at the same time.
const ASKING: usize = 64;

/// Requests take longer to make than to approve; a gateway that is slow at them ends the rounds
/// after this many times the measured time.
const LIMIT_OF_ROUNDS: u32 = 10;

/// Approves round after round until the measured time adds up; skipped if nothing waits.
///
/// # Errors
/// If a device or an operator is refused for another reason, or no approval succeeds.
pub async fn measure(target: Arc<Target>) -> anyhow::Result<Outcome> {
    if fresh_request(&target).await?.is_none() {
        let reason = "this gateway approves local devices by itself; its configuration would have \
                      to say gateway.nodes.pairing.autoApproveLocal: false";
        return Ok(Outcome::Skipped { reason: reason.into() });
    }
    let mut load = Load::default();
    let limit = Deadline::in_time(target.time * LIMIT_OF_ROUNDS);
    while load.elapsed() < target.time && !limit.passed() {
        let mut operators = Vec::with_capacity(OPERATORS);
        let waiting = requests(&target, OPERATORS * EACH).await?;
        for share in waiting.chunks(EACH) {
            let options = target.operator(&["operator.admin"]);
            let (wire, _) = handshake::enter(&target.endpoint, &options).await?;
            operators.push((Pipe::new(wire), frames(share)));
        }
        load.absorb(load::run(target.pid, target.time, operators, approve).await?.1);
        if load.operations() == 0 {
            break;
        }
    }
    Ok(Outcome::measured(Name::Approvals, load.figures()?))
}

/// One encoded approval for each request.
fn frames(requests: &[String]) -> Vec<Vec<u8>> {
    let encode = |id: &String| {
        let request = json!({"type": "req", "id": "a", "method": "device.pair.approve",
            "params": {"requestId": id}});
        let mut out = Vec::new();
        text_frame(&request.to_string(), &mut out);
        out
    };
    requests.iter().map(encode).collect()
}

type Operator = (Pipe, Vec<Vec<u8>>);

async fn approve(operator: Operator, deadline: Deadline) -> (Option<Operator>, Samples) {
    let mut samples = Samples::default();
    if let Err(error) = approve_all(operator, deadline, &mut samples).await {
        samples.failed(error);
    }
    (None, samples)
}

async fn approve_all(
    (mut pipe, frames): Operator,
    deadline: Deadline,
    samples: &mut Samples,
) -> io::Result<()> {
    let mut rest = frames.as_slice();
    loop {
        let (now, later) = rest.split_at(rest.len().min(DEPTH - pipe.under_way()));
        rest = later;
        if !now.is_empty() {
            pipe.send(&now.concat(), now.len(), deadline.now()).await?;
        }
        if pipe.under_way() == 0 {
            return Ok(());
        }
        pipe.answers(|| deadline.now(), samples).await?;
    }
}

/// Makes `count` pairing requests, some at the same time.
async fn requests(target: &Arc<Target>, count: usize) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::with_capacity(count);
    let mut asking = JoinSet::new();
    for _ in 0..count {
        if asking.len() == ASKING
            && let Some(id) = asking.join_next().await
        {
            ids.extend(id??);
        }
        let target = Arc::clone(target);
        asking.spawn(async move { fresh_request(&target).await });
    }
    while let Some(id) = asking.join_next().await {
        ids.extend(id??);
    }
    Ok(ids)
}

/// Connects with a new device; gives the id of its request if it has to wait for approval.
async fn fresh_request(target: &Target) -> anyhow::Result<Option<String>> {
    let options = target.operator(&["operator.read"]).with_device(DeviceKey::generate().into());
    match handshake::knock(&target.endpoint, &options).await? {
        Answer::Welcome(..) => Ok(None),
        Answer::Refused(refusal) => waiting_request(refusal).map(Some),
    }
}

fn waiting_request(refusal: Refusal) -> anyhow::Result<String> {
    match (refusal.details_code(), refusal.details["requestId"].as_str()) {
        (Some("PAIRING_REQUIRED"), Some(id)) => Ok(id.to_owned()),
        _ => Err(refusal.into()),
    }
}
