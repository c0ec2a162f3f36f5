//! `doorward config check`: everything that is wrong with the configuration, before it matters.

use serde_json::{Value, json};

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
};
use crate::config::{self, ConfigErrors, Finding, Loaded};

/// Loads the configuration as `run` would, and says what was found.
///
/// # Errors
/// Only if the findings cannot be printed: a faulty configuration is a finding.
pub fn check(session: &mut Session<'_>, strict: bool) -> Result<ExitStatusCode, Trouble> {
    let loaded = config::load(session.env, &session.globals.overrides());
    session.out.result(|| text(&loaded), || document(&loaded))?;
    Ok(match loaded {
        Ok(loaded) if loaded.warnings.is_empty() || !strict => ExitStatusCode::OK,
        Ok(_) | Err(_) => ExitStatusCode::NOT_DONE,
    })
}

fn text(loaded: &Result<Loaded, ConfigErrors>) -> String {
    let say = |label: &str, findings: &[Finding]| -> String {
        findings.iter().map(|finding| format!("{label}: {finding}\n")).collect()
    };
    match loaded {
        Ok(loaded) => {
            let read = if loaded.file.exists { "read from" } else { "all defaults; there is no" };
            let path = loaded.file.path.display();
            format!("{}ok: {read} {path}\n", say("warning", &loaded.warnings))
        }
        Err(faulty) => say("error", &faulty.errors) + &say("warning", &faulty.warnings),
    }
}

fn document(loaded: &Result<Loaded, ConfigErrors>) -> Value {
    let (errors, warnings) = match loaded {
        Ok(loaded) => (&[][..], &loaded.warnings),
        Err(faulty) => (faulty.errors.as_slice(), &faulty.warnings),
    };
    let path = loaded.as_ref().ok().map(|loaded| loaded.file.path.display().to_string());
    json!({
        "ok": loaded.is_ok(),
        "file": path,
        "errors": errors.iter().map(finding).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    let Finding { origin, path, line, message } = finding;
    json!({"origin": origin, "path": path, "line": line, "message": message})
}
