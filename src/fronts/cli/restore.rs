//! `doorward backup restore`: a ledger that was carried away, and what may not come back with it.

use serde_json::{Value, json};

use super::{
    Session,
    args::RestoreArgs,
    backup,
    exit::{ExitStatusCode, Trouble},
    quoted, unopened, words,
};
use crate::{
    domain::{
        principal::Subject,
        registry::{Event, Registry},
        scope::Role,
    },
    service::{
        self, BackupRestoreError as RestoreError, BackupRestored as Restored, Newer, RestoreOrder,
        RestorePlan,
    },
};

/// `backup restore`
///
/// # Errors
/// If it cannot be restored, or may not be.
pub fn restore(session: &mut Session<'_>, args: RestoreArgs) -> Result<ExitStatusCode, Trouble> {
    let RestoreArgs { file, yes, replace, checkpoint, trust_backup, accept_loss } = args;
    session.out.note("reading the backup, and what is there");
    let again = session.command(&format!("backup restore {}", quoted(&file.to_string_lossy())));
    let state_dir = session.state_dir()?;
    let order = RestoreOrder { file, state_dir, checkpoint, replace, trust_backup, accept_loss };
    let plan = service::plan_restore(order).map_err(|error| trouble(&error))?;
    let (text, mut document) = (preview(&plan), preview_document(&plan));
    if !yes {
        let more = [(replace, " --replace"), (trust_backup, " --trust-backup")];
        let more: String = more.iter().filter(|(given, _)| *given).map(|(_, word)| *word).collect();
        let accept = if plan.loss().is_some() { " --accept-loss" } else { "" };
        let text = format!("{text}\nNothing was changed. To do it: {again}{more}{accept} --yes\n");
        session.out.result(|| text, || json!({"preview": document}))?;
        return Ok(ExitStatusCode::NOT_DONE);
    }
    if plan.loss().is_none() || accept_loss {
        session.out.note("building the ledger");
    }
    let restored = plan.perform().map_err(|error| trouble(&error))?;
    let Restored { size, kept, files } = &restored;
    let kept = kept.as_ref().map(|path| path.display().to_string());
    document["ledgerSize"] = (*size).into();
    document["kept"] = kept.clone().into();
    document["files"] = files.clone().into();
    let kept = kept.map_or_else(String::new, |path| format!("kept:      {path}\n"));
    let put = if files.is_empty() { "none but the ledger".into() } else { files.join(", ") };
    let done = || format!("{size} records now\n\n{text}{kept}files:     {put}\n");
    session.out.done("restored:", done, || document)?;
    Ok(ExitStatusCode::OK)
}

fn preview(plan: &RestorePlan) -> String {
    let newer = match (plan.newer, plan.loss()) {
        (Newer::Known { size }, _) => {
            format!("the ledger that is there has {size} records, and was compared")
        }
        (_, Some(loss)) => loss,
        _ => "nothing newer was found; a checkpoint that was kept elsewhere would tell more".into(),
    };
    let held: String =
        plan.review.iter().map(|event| format!("  {}\n", line(&plan.state, event))).collect();
    let held = if held.is_empty() { held } else { format!("changed since the backup:\n{held}") };
    let secret = match (plan.secret_changed, plan.keeps_secrets()) {
        (true, _) => {
            "the shared secret changed since: the backup's token and configuration stay in it\n"
        }
        (false, true) => {
            "whether the shared secret and the configuration changed since is not known: the backup's \
             stay in it; to take them out: tar -xf FILE shared-token doorward.json\n"
        }
        (false, false) => "",
    };
    let review = plan.hold.as_ref().map_or("", |_| HELD);
    format!("{}newer:     {newer}\n{held}{review}{secret}", backup::text(&plan.backup))
}

/// What becomes of everything else, where records are lost.
pub(super) const HELD: &str = "held:      every device and service token, and approval without a \
                               person, until someone looks: doorward review list\n";

/// What a restore does to someone, in words.
fn line(state: &Registry, event: &Event) -> String {
    let device = |device, role| {
        let subject = Subject::Device(device, role);
        let name = state.name_of(&subject).map(|name| format!(" ({})", words::plain(&name)));
        format!("device {}{}", words::short(&device.to_string()), name.unwrap_or_default())
    };
    match event {
        Event::GrantRevoked { device: id, role, .. } => {
            let (device, role) = (device(*id, *role), role.name());
            format!("{device} loses its grant as {role} until it is approved anew")
        }
        Event::TokenConfirmed { device: id, role } => {
            format!("{}: the tokens before its present one stay dead", device(*id, *role))
        }
        Event::PairingRejected { device: id, role, .. } => {
            format!("{} stays barred from automatic approval", device(*id, *role))
        }
        Event::ServiceTokenRevoked { id, .. } => {
            let name = state.name_of(&Subject::Token(*id)).unwrap_or_default();
            format!("service token {} is revoked", words::plain(&name))
        }
        Event::KeysAdopted(list) => {
            format!("the newer list of {} keys stays in force", list.keys.len())
        }
        other => other.kind().into(),
    }
}

fn preview_document(plan: &RestorePlan) -> Value {
    let newest = match plan.newer {
        Newer::Known { size } | Newer::Lost { size, .. } => Some(size),
        Newer::Nothing | Newer::Other => None,
    };
    let about = |event: &Event| {
        json!({
            "kind": event.kind(),
            "deviceId": event.device().map(|(id, _)| id.to_string()),
            "role": event.device().and_then(|(_, role)| role).map(Role::name),
            "tokenId": event.service_token().map(|id| id.to_string()),
        })
    };
    let mut document = backup::document(&plan.backup);
    document["newest"] = newest.into();
    document["loss"] = plan.loss().into();
    document["review"] = plan.review.iter().map(about).collect();
    document["secretChanged"] = plan.secret_changed.into();
    document["held"] = plan.hold.is_some().into();
    document
}

fn trouble(error: &RestoreError) -> Trouble {
    let exit = match error {
        RestoreError::Open(error) => return unopened(error),
        RestoreError::Backup { .. } => ExitStatusCode::BROKEN,
        RestoreError::Occupied(_)
        | RestoreError::OtherGateway(_)
        | RestoreError::BadCheckpoint { .. }
        | RestoreError::Loss(_)
        | RestoreError::Append(_)
        | RestoreError::Io { .. } => ExitStatusCode::NOT_DONE,
    };
    let trouble = Trouble::new(exit, words::line(&error.to_string()));
    match error {
        RestoreError::Loss(_) => trouble.run(
            "doorward recover --from-tiles, if tlog/ is there; or the same with --accept-loss",
        ),
        _ => trouble,
    }
}
