//! `doorward doctor`: what is there, what could be used, and what is wrong.

use serde_json::{Value, json};

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    words,
};
use crate::config::{self, ConfigErrors, Loaded};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As it should be, or of no concern.
    Ok,
    /// Something is there that could be used.
    Offer,
    /// What is configured does not work.
    Warning,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Offer => "offer",
            Self::Warning => "warning",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its stable name, such as `models.ollama`.
    pub id: String,
    /// How it came out.
    pub status: Status,
    /// What was found, in one line; may hold a stranger's words.
    pub message: String,
    /// What to write into the configuration file (JSON5).
    pub snippet: Option<String>,
    /// What to do, beyond that.
    pub remedy: Option<String>,
}

/// `doctor`
///
/// # Errors
/// Only if the checks cannot be printed: what is wrong is a check.
pub async fn examine(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let loaded = config::load(session.env, &session.globals.overrides());
    let mut check = "config check".to_owned();
    if let Some(file) = &session.globals.config {
        check += &format!(" --config {}", words::quoted(&file.to_string_lossy()));
    }
    let check = session.command(&check);
    let mut checks = vec![configuration(&loaded, &check)];
    if let Ok(loaded) = &loaded {
        checks.extend((session.rooms.examine)(loaded).await);
        let file = loaded.file.path.display();
        for offer in checks.iter_mut().filter(|check| check.snippet.is_some()) {
            offer.remedy = Some(format!("write this into {file}, then run: {check}"));
        }
    }
    session.out.result(|| text(&checks), || document(&checks))?;
    Ok(if is_well(&checks) { ExitStatusCode::OK } else { ExitStatusCode::NOT_DONE })
}

/// Whether the file can be read at all; what is wrong with it in particular, its own command tells.
fn configuration(loaded: &Result<Loaded, ConfigErrors>, check: &str) -> Check {
    let (status, message, odd) = match loaded {
        Ok(Loaded { file, warnings, .. }) => {
            let read = if file.exists { "read from" } else { "all defaults; there is no" };
            let path = file.path.display();
            (Status::Ok, format!("the configuration is {read} {path}"), warnings.len())
        }
        Err(faulty) => {
            let message = "the configuration has errors; nothing else was looked at";
            (Status::Warning, message.to_owned(), faulty.errors.len())
        }
    };
    let message = if odd == 0 { message } else { format!("{message} ({odd} to look at)") };
    let remedy = (odd > 0).then(|| format!("run: {check}"));
    Check { id: "config".into(), status, message, snippet: None, remedy }
}

fn is_well(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Warning)
}

fn text(checks: &[Check]) -> String {
    let one = |check: &Check| {
        let Check { id, status, message, snippet, remedy } = check;
        let first =
            format!("{:<8} {}: {}\n", status.name(), words::plain(id), words::line(message));
        let remedy = remedy.iter().map(|remedy| format!("{:9}{remedy}\n", ""));
        let snippet = snippet.iter().map(|add| format!("{:11}{}\n", "", words::line(add)));
        first + &remedy.chain(snippet).collect::<String>()
    };
    checks.iter().map(one).collect()
}

fn document(checks: &[Check]) -> Value {
    let all = checks.iter().map(|check| {
        let Check { id, status, message, snippet, remedy } = check;
        json!({
            "id": id, "status": status.name(), "message": message,
            "snippet": snippet, "remedy": remedy,
        })
    });
    json!({"ok": is_well(checks), "checks": all.collect::<Vec<_>>()})
}
