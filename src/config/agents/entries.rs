//! `agents.defaults` and `agents.entries`: the agents themselves.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        findings::{Place, Report},
        known,
        layer::checked,
        reader::{Given, Section, wrong_kind},
    },
    Agent,
    providers::Names,
    runtime::{self, AgentRuntime},
};
use crate::domain::talk::AgentId;

/// How long one answer may take if the file does not say: ten minutes, OpenClaw's own example. Long
/// enough for a slow model at home, and an agent that hangs is not waited for all day.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The longest, which `0` asks for: OpenClaw's own default, two days.
const TIMEOUT_SECONDS_MAX: u64 = 172_800;

/// The most fallbacks of one agent. A list that is longer waits longer than anyone reads.
const FALLBACKS_MAX: usize = 16;

/// What is wrong with an id.
pub(super) const BAD_ID: &str = "must be an agent's id: letters, digits, \"-\" and \"_\", the \
                                 first a letter or a digit, 64 at most";

/// Short names for models, as `agents.defaults.models.<model>.alias` gives them.
pub(super) type Aliases = BTreeMap<String, String>;

/// One agent as it is written, with what the defaults say for it filled in.
#[derive(Debug)]
pub(super) struct Entry {
    id: AgentId,
    place: Place,
    is_default: bool,
    name: Option<String>,
    emoji: Option<String>,
    common: Common,
}

/// What the defaults and an agent may both say.
#[derive(Debug, Default, Clone)]
struct Common {
    /// The first model, then its fallbacks.
    models: Option<Vec<Given<String>>>,
    runtime: Option<runtime::Written>,
    instructions: Option<String>,
    timeout: Option<Duration>,
}

/// Reads the section: every agent, and the models' short names.
pub(super) fn read(mut agents: Section, report: &mut Report) -> (Vec<Entry>, Aliases) {
    let mut defaults = agents.section("defaults", report);
    let entries = agents.section("entries", report);
    agents.pass_over(&["ownership"]);
    let place = agents.place();
    agents.leave(known::AGENTS, report);
    let common = Common::read(&mut defaults, report);
    let aliases = aliases(defaults.section("models", report), report);
    defaults.leave(known::AGENT_DEFAULTS, report);
    let mut list: Vec<Entry> = Vec::new();
    let document = entries.document();
    for (key, given) in entries.entries() {
        let section = Section::of(document, &given, report);
        let Some(id) = checked(AgentId::parse(key).ok_or(BAD_ID), given.place, report) else {
            continue;
        };
        if list.iter().any(|entry| entry.id == id.value) {
            report.error(&id.place, "is the id of another agent, but for its capitals");
            continue;
        }
        list.push(Entry::read(id, section, &common, report));
    }
    if list.is_empty() {
        list.push(Entry { common, ..Entry::of(AgentId::main(), place) });
    }
    list.sort_by(|a, b| a.id.cmp(&b.id));
    (list, aliases)
}

/// Who answers where nobody is named: whoever is marked, else `main`, else the only one.
pub(super) fn default(entries: &[Entry], report: &mut Report) -> AgentId {
    let mut marked = entries.iter().filter(|entry| entry.is_default);
    let first = marked.next();
    for another in marked {
        report.error(&another.place, "there is another default agent");
    }
    let main = || entries.iter().find(|entry| entry.id == AgentId::main());
    if let Some(entry) = first.or_else(main) {
        return entry.id.clone();
    }
    if let [first, _, ..] = entries {
        let message = format!(
            "no agent is marked with default: true, so \"{}\" answers where none is named",
            first.id
        );
        report.warn(&first.place, message);
    }
    entries.first().map_or_else(AgentId::main, |entry| entry.id.clone())
}

impl Entry {
    /// An agent of which nothing is said.
    pub(super) fn of(id: AgentId, place: Place) -> Self {
        let common = Common::default();
        Self { id, place, is_default: false, name: None, emoji: None, common }
    }

    fn read(
        id: Given<AgentId>,
        mut section: Section,
        defaults: &Common,
        report: &mut Report,
    ) -> Self {
        let own = Common::read(&mut section, report);
        let is_default = section.switch("default", report).is_some_and(|given| given.value);
        let name = section.text("name", report).map(|name| name.value.to_owned());
        let mut identity = section.section("identity", report);
        let shown = identity.text("name", report).map(|name| name.value.to_owned());
        let emoji = identity.text("emoji", report).map(|emoji| emoji.value.to_owned());
        identity.leave(known::AGENT_IDENTITY, report);
        section.pass_over(&["description"]);
        section.leave(known::AGENT_ENTRY, report);
        let common = Common {
            models: own.models.or_else(|| defaults.models.clone()),
            runtime: own.runtime.or_else(|| defaults.runtime.clone()),
            instructions: own.instructions.or_else(|| defaults.instructions.clone()),
            timeout: own.timeout.or(defaults.timeout),
        };
        let Given { value: id, place } = id;
        Self { id, place, is_default, name: shown.or(name), emoji, common }
    }

    /// The agent, its models known by their whole names.
    pub(super) fn resolve(self, names: &Names, report: &mut Report) -> Agent {
        let Common { models, runtime, instructions, timeout } = self.common;
        let model = |given: Given<String>| names.resolve(&given, report);
        let models: Vec<_> = models.into_iter().flatten().filter_map(model).collect();
        let runtime = match runtime {
            Some(runtime::Written::Own(runtime)) => runtime,
            Some(runtime::Written::Embedded) | None if models.is_empty() => AgentRuntime::Echo,
            Some(runtime::Written::Embedded) | None => AgentRuntime::Model { models },
        };
        Agent {
            id: self.id,
            name: self.name,
            emoji: self.emoji,
            instructions,
            runtime,
            timeout: timeout.unwrap_or(TIMEOUT),
        }
    }
}

impl Common {
    fn read(section: &mut Section, report: &mut Report) -> Self {
        let seconds = section.number("timeoutSeconds", 0..=TIMEOUT_SECONDS_MAX, report);
        let instructions = section.text("systemPromptOverride", report);
        Self {
            models: models(section, report),
            runtime: runtime::read(section.section("runtime", report), report),
            instructions: instructions.map(|given| given.value.to_owned()),
            timeout: seconds.map(|seconds| {
                Duration::from_secs(match seconds.value {
                    0 => TIMEOUT_SECONDS_MAX,
                    seconds => seconds,
                })
            }),
        }
    }
}

/// `model`: a name, or the first choice with its fallbacks.
fn models(section: &mut Section, report: &mut Report) -> Option<Vec<Given<String>>> {
    let given = section.value("model")?;
    if let Some(name) = given.value.as_str() {
        return Some(vec![given.with(name.to_owned())]);
    }
    if !given.value.is_object() {
        return wrong_kind(
            "a model's name or an object with primary and fallbacks",
            &given,
            report,
        );
    }
    let mut model = Section::of(section.document(), &given, report);
    let primary = model.text("primary", report);
    let fallbacks = model.list("fallbacks", report);
    model.leave(&[], report);
    if let Some(list) = fallbacks.as_ref().filter(|list| list.value.len() > FALLBACKS_MAX) {
        report.error(&list.place, format!("has more than {FALLBACKS_MAX} models"));
    }
    let Some(primary) = primary else {
        report.error(&given.place, "needs a primary");
        return None;
    };
    let fallbacks = fallbacks.map(|list| list.value).unwrap_or_default();
    let names = std::iter::once(primary).chain(fallbacks);
    Some(names.map(|name| name.with(name.value.to_owned())).collect())
}

/// `models`: what else it says of a model is for the real gateway.
fn aliases(models: Section, report: &mut Report) -> Aliases {
    let document = models.document();
    let mut aliases = Aliases::new();
    for (model, given) in models.entries() {
        let mut section = Section::of(document, &given, report);
        if let Some(alias) = section.text("alias", report) {
            aliases.insert(alias.value.to_lowercase(), model.to_owned());
        }
    }
    aliases
}
