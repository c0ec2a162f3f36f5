//! `doorward recover`: a new ledger in the place of a damaged one.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Session,
    args::RecoverArgs,
    exit::{ExitStatusCode, Trouble},
    quoted, restore, unopened,
};
use crate::service::{self, Recovery, RestoreError, Restored, Survey};

/// `recover`
///
/// # Errors
/// If there is nothing to recover, or nothing to recover from.
pub fn recover(session: &mut Session<'_>, args: &RecoverArgs) -> Result<ExitStatusCode, Trouble> {
    let RecoverArgs { from_tiles: _, checkpoint, yes } = args;
    let recovery = service::recovery(&session.state_dir()?, checkpoint.as_deref());
    let recovery = recovery.map_err(|error| trouble(&error))?;
    let (text, mut document) = (preview(&recovery), preview_document(&recovery));
    if !yes {
        let given = checkpoint.as_deref().map_or_else(String::new, checkpoint_words);
        let command = session.command(&format!("recover --from-tiles{given} --yes"));
        let text = format!("{text}\nNothing was changed. To do it: {command}\n");
        session.out.result(|| text, || json!({"preview": document}))?;
        return Ok(ExitStatusCode::NOT_DONE);
    }
    let Restored { size, damaged } = recovery.perform().map_err(|error| trouble(&error))?;
    let kept = damaged.map(|path| path.display().to_string());
    document["size"] = size.into();
    document["kept"] = kept.clone().into();
    let kept = kept.map_or_else(String::new, |path| format!("\nkept:             {path}"));
    let done =
        || format!("{size} records, the last of them about this\n\n{text}{}", kept.trim_start());
    session.out.done("recovered:", done, || document)?;
    Ok(ExitStatusCode::OK)
}

fn checkpoint_words(file: &Path) -> String {
    format!(" --checkpoint {}", quoted(&file.to_string_lossy()))
}

fn preview(recovery: &Recovery) -> String {
    let survey = recovery.survey();
    let Survey { size, signed, proven, fault, .. } = survey;
    let proof = match size - proven {
        0 => "all of them proven by a signed checkpoint".into(),
        unsigned => format!("{unsigned} of them, the last, proven by no checkpoint"),
    };
    let lost = match survey.lost() {
        0 => "nothing that was signed".into(),
        lost => format!(
            "{lost} records, {size} to {last}: nobody knows what they granted or took away",
            last = signed - 1
        ),
    };
    let held = survey.hold().map_or("", |_| restore::HELD);
    let fault = fault
        .as_ref()
        .map_or_else(String::new, |fault| format!("no more because:  record {size}: {fault}\n"));
    format!(
        "damage:           {}\ncan be restored:  {size} records, {proof}\nlost:             {lost}\n{fault}{held}",
        recovery.damage()
    )
}

fn preview_document(recovery: &Recovery) -> Value {
    let survey = recovery.survey();
    json!({
        "damage": recovery.damage(),
        "restorable": survey.size,
        "proven": survey.proven,
        "signed": survey.signed,
        "lost": survey.lost(),
        "fault": survey.fault,
        "held": survey.hold().is_some(),
    })
}

fn trouble(error: &RestoreError) -> Trouble {
    let exit = match error {
        RestoreError::Open(error) => return unopened(error),
        RestoreError::Whole | RestoreError::Io { .. } | RestoreError::Append(_) => {
            ExitStatusCode::NOT_DONE
        }
        RestoreError::Survey(_) => ExitStatusCode::BROKEN,
    };
    Trouble::new(exit, error.to_string())
}
