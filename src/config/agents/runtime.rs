//! `runtime`: what answers for an agent.

use std::path::{Path, PathBuf};

use super::super::{
    findings::{Place, Report},
    layer::checked,
    reader::{Given, Section},
};
use crate::domain::talk::Model;

/// The most words of a command.
const ARGUMENTS_MAX: usize = 256;

/// What answers for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentRuntime {
    /// Its own words come back: nothing is configured.
    Echo,
    /// A provider's model.
    Model {
        /// The first choice, then what takes over if it fails; never empty. A provider is an id of
        /// [`Agents::providers`](super::Agents), or not there: then whoever asks is told so.
        models: Vec<Model>,
    },
    /// A program that is started for each turn.
    Command {
        /// The program and its arguments; never empty.
        argv: Vec<String>,
        /// Where it is started; an absolute path.
        cwd: Option<PathBuf>,
        /// Which of the gateway's own environment variables it is given.
        env: Vec<String>,
        /// As whom it runs, if not as the gateway itself.
        user: Option<String>,
    },
    /// A program that speaks the Agent Client Protocol.
    Acp {
        /// The program and its arguments; never empty.
        argv: Vec<String>,
        /// Where it is started and works; an absolute path.
        cwd: Option<PathBuf>,
        /// Which of the gateway's own environment variables it is given.
        env: Vec<String>,
    },
}

/// What is written about it.
#[derive(Debug, Clone)]
pub(super) enum Written {
    /// A model if one is named.
    Embedded,
    /// This.
    Own(AgentRuntime),
}

/// Reads the section; `None` if it is not there, or not right.
pub(super) fn read(mut section: Section, report: &mut Report) -> Option<Written> {
    if !section.is_given() {
        return None;
    }
    let place = section.place();
    let kind = section.text("type", report);
    let mut acp = section.section("acp", report);
    let written = match kind.as_ref().map(|kind| kind.value) {
        Some("embedded") => Some(Written::Embedded),
        Some("echo") => Some(Written::Own(AgentRuntime::Echo)),
        Some("command") => command(&mut section, &place, report).map(Written::Own),
        Some("acp") => read_acp(&mut acp, report),
        _ => {
            let place = kind.map_or(place, |kind| kind.place);
            let message = "needs a type: \"embedded\" (a model), \"echo\", \"command\" or \"acp\"";
            report.error(&place, message);
            None
        }
    };
    acp.leave(&["agent", "backend", "mode"], report);
    section.leave(&[], report);
    written
}

fn command(section: &mut Section, place: &Place, report: &mut Report) -> Option<AgentRuntime> {
    let argv = argv(section, report);
    let cwd = directory(section, report);
    let env = names(section, report);
    let user = section.text("user", report).map(|user| user.value.to_owned());
    match argv {
        Some(argv) => Some(AgentRuntime::Command { argv: argv?, cwd, env, user }),
        None => {
            report.error(place, "needs a command, such as [\"/usr/local/bin/answer\"]");
            None
        }
    }
}

/// OpenClaw knows the programs of its ACP agents by name; here the file says which.
fn read_acp(section: &mut Section, report: &mut Report) -> Option<Written> {
    let argv = argv(section, report);
    let cwd = directory(section, report);
    let env = names(section, report);
    match argv {
        Some(argv) => Some(Written::Own(AgentRuntime::Acp { argv: argv?, cwd, env })),
        None => {
            let message = "not used: say how the agent is started in command, such as \
                           [\"gemini\", \"--acp\"]";
            report.warn(&section.place(), message);
            None
        }
    }
}

/// `command`. `Some(None)` if it is there and wrong.
#[allow(clippy::option_option, reason = "not written, and written wrongly, are different things")]
fn argv(section: &mut Section, report: &mut Report) -> Option<Option<Vec<String>>> {
    let before = report.errors.len();
    section.value("command")?;
    let Some(list) = section.list("command", report) else { return Some(None) };
    let argv: Vec<String> = list.value.iter().map(|word| word.value.to_owned()).collect();
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        report.error(&list.place, "must begin with a program");
    } else if argv.len() > ARGUMENTS_MAX {
        report.error(&list.place, format!("has more than {ARGUMENTS_MAX} words"));
    } else if argv.iter().any(|word| word.contains('\0')) {
        report.error(&list.place, "holds a NUL character");
    }
    Some((report.errors.len() == before).then_some(argv))
}

fn directory(section: &mut Section, report: &mut Report) -> Option<PathBuf> {
    let given = section.text("cwd", report)?;
    let path = Path::new(given.value);
    let path = path.is_absolute().then(|| path.to_owned()).ok_or("must be an absolute path");
    checked(path, given.place, report).map(|given| given.value)
}

/// `env`: names, so that no value stands in the file.
fn names(section: &mut Section, report: &mut Report) -> Vec<String> {
    let list = section.list("env", report).map(|list| list.value).unwrap_or_default();
    let name = |given: Given<&str>| {
        let fits = !given.value.is_empty()
            && given.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let name = fits.then(|| given.value.to_owned());
        checked(name.ok_or("must be the name of an environment variable"), given.place, report)
    };
    list.into_iter().filter_map(name).map(|given| given.value).collect()
}
