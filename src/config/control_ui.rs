//! The browser page that is served: `gateway.controlUi`.
//!
//! The keys are the real gateway's. doorward brings no such page along, so nothing is served until
//! `root` names a directory with one.

use std::path::{Path, PathBuf};

use super::{
    findings::Report,
    grpc_tls::readable,
    known,
    layer::checked,
    reader::{Given, Section},
};

/// Where the page lies, and where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlUi {
    /// The directory with its `index.html`.
    pub root: PathBuf,
    /// What its paths begin with: empty, or `/` and a name, without a `/` at the end.
    pub base_path: String,
}

impl ControlUi {
    /// What the section says, the origins apart; `None` if no page is to be served.
    pub(super) fn read(mut section: Section, report: &mut Report) -> Option<Self> {
        let enabled = section.switch("enabled", report);
        let base = section.text("basePath", report);
        let root = section.text("root", report);
        section.leave(known::CONTROL_UI, report);
        let base_path = match base {
            Some(given) => checked(base_path(given.value), given.place, report)?.value,
            None => String::new(),
        };
        match (enabled, root) {
            (Some(Given { value: false, .. }), _) => None,
            (_, Some(root)) => {
                let root = checked(page_in(root.value), root.place, report)?.value;
                Some(Self { root, base_path })
            }
            (Some(enabled), None) => {
                report.warn(
                    &enabled.place,
                    "nothing is served: gateway.controlUi.root names no page",
                );
                None
            }
            (None, None) => None,
        }
    }
}

/// A directory whose page can be read now, so that `config check` says what a start would.
fn page_in(text: &str) -> Result<PathBuf, String> {
    let root = Path::new(text);
    if !root.is_absolute() {
        return Err("must be an absolute path".into());
    }
    let index = root.join("index.html");
    match readable(&index.to_string_lossy()) {
        Ok(page) if page.is_file() => Ok(root.into()),
        Ok(_) => Err("its index.html is no file".into()),
        Err(why) => Err(format!(
            "must be a directory with an index.html, such as dist/control-ui of the npm package \
             openclaw: index.html {why}"
        )),
    }
}

/// As the real gateway takes it: with or without a slash at either end.
fn base_path(text: &str) -> Result<String, &'static str> {
    let names = text.trim().trim_start_matches('/').trim_end_matches('/');
    let char_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~');
    let is_name = |name: &str| !name.starts_with('.') && name.chars().all(char_of_name);
    match names {
        "" => Ok(String::new()),
        names if names.split('/').all(|name| !name.is_empty() && is_name(name)) => {
            Ok(format!("/{names}"))
        }
        _ => Err("must be a path such as \"/openclaw\", of letters, digits and -._~"),
    }
}
