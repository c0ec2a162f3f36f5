//! `models.providers`: where models are had, and the names by which they are called.

use std::time::Duration;

use serde_json::Value;
use url::{Host, Url};

use super::{
    super::{
        env::Env,
        findings::{Place, Report},
        known,
        layer::checked,
        reader::{Document, Given, Section},
        shared_secret::Source,
    },
    Agent, AgentRuntime,
    entries::Aliases,
};
use crate::{
    domain::talk::{Model, spent::Price},
    support::secret::Secret,
};

/// Half an hour between two words of a model is as good as never.
const TIMEOUT_SECONDS_MAX: u64 = 1_800;

/// A header's value is no file, and a provider wants a handful of them.
const HEADERS_MAX: usize = 32;

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's chat completions, and everybody who took them over.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// Where models are had.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in this file.
    pub id: String,
    /// Where its API begins, without a `/` at the end.
    pub base_url: String,
    /// How it is spoken to.
    pub api: Api,
    /// What it is paid with; local servers often want none.
    pub key: Option<Secret<String>>,
    /// What else is sent with each call.
    pub headers: Vec<(String, Secret<String>)>,
    /// How long to wait for the next piece of an answer.
    pub timeout: Option<Duration>,
    /// The models that the file lists, by their names there.
    pub models: Vec<String>,
    /// What those cost of which it says so.
    pub prices: Vec<(String, Price)>,
}

impl Provider {
    /// The port of this host that it is on, if its address names this host alone.
    pub fn local_port(&self) -> Option<u16> {
        let url = Url::parse(&self.base_url).ok()?;
        let local = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        url.port_or_known_default().filter(|_| local)
    }
}

/// The known servers of this host on their usual ports, whether or not a file names them.
pub fn usual_local() -> Vec<Provider> {
    let all = KNOWN.iter().map(|known| Written::known(known).provider);
    all.filter(|provider| provider.local_port().is_some()).collect()
}

/// A provider that needs no `baseUrl`: id, API, address, and the variable that holds its key.
type Known = (&'static str, Api, &'static str, &'static str);

/// Local servers on their usual ports, and the common services.
const KNOWN: &[Known] = &[
    ("ollama", Api::OpenAi, "http://127.0.0.1:11434/v1", ""),
    ("lmstudio", Api::OpenAi, "http://127.0.0.1:1234/v1", ""),
    ("llama-cpp", Api::OpenAi, "http://127.0.0.1:8080/v1", ""),
    ("vllm", Api::OpenAi, "http://127.0.0.1:8000/v1", ""),
    ("openai", Api::OpenAi, "https://api.openai.com/v1", "OPENAI_API_KEY"),
    ("anthropic", Api::Anthropic, "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    (
        "google",
        Api::OpenAi,
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
    ),
    ("openrouter", Api::OpenAi, "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    ("groq", Api::OpenAi, "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    ("mistral", Api::OpenAi, "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    ("deepseek", Api::OpenAi, "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    ("xai", Api::OpenAi, "https://api.x.ai/v1", "XAI_API_KEY"),
];

fn known(id: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.0 == id)
}

/// A provider before its secrets are looked up.
#[derive(Debug)]
pub(super) struct Written {
    /// The key and the values of the headers are not filled in yet.
    provider: Provider,
    key: Option<Given<Source>>,
    headers: Vec<(String, Given<Source>)>,
}

impl Written {
    fn known(&(id, api, base_url, _): &Known) -> Self {
        let provider = Provider {
            id: id.to_owned(),
            base_url: base_url.to_owned(),
            api,
            key: None,
            headers: Vec::new(),
            timeout: None,
            models: Vec::new(),
            prices: Vec::new(),
        };
        Self { provider, key: None, headers: Vec::new() }
    }

    /// Looks its secrets up: what the file gives, else the variable that everybody uses.
    pub(super) fn resolve(&self, env: &Env, report: &mut Report) -> Provider {
        let mut secret = |given: &Given<Source>| {
            checked(given.value.resolve_foreign(env), given.place.clone(), report)
        };
        let usual = || {
            let (.., variable) = known(&self.provider.id).filter(|known| !known.3.is_empty())?;
            env.get(variable)?;
            Some(Given {
                value: Source::Env((*variable).to_owned()),
                place: Place::outside(variable, &format!("models.providers.{}", self.provider.id)),
            })
        };
        let key = self.key.clone().or_else(usual).and_then(|given| secret(&given));
        let headers = self.headers.iter();
        let headers =
            headers.filter_map(|(name, given)| Some((name.clone(), secret(given)?.value)));
        Provider {
            headers: headers.collect(),
            key: key.map(|given| given.value),
            ..self.provider.clone()
        }
    }
}

/// Reads the section.
pub(super) fn read(mut models: Section, report: &mut Report) -> Vec<Written> {
    let providers = models.section("providers", report);
    models.pass_over(&["mode"]);
    models.leave(known::MODELS, report);
    let document = providers.document();
    let mut list = Vec::new();
    for (id, given) in providers.entries() {
        let section = Section::of(document, &given, report);
        list.extend(one(id, section, report));
    }
    list
}

fn one(id: &str, mut section: Section, report: &mut Report) -> Option<Written> {
    let place = section.place();
    let id = id.trim().to_ascii_lowercase();
    let usual = known(&id);
    let api = section.text("api", report);
    let base_url = section.text("baseUrl", report);
    let key = Source::parse(&mut section, "apiKey", report);
    let headers = headers(section.section("headers", report), report);
    let timeout = section.number("timeoutSeconds", 1..=TIMEOUT_SECONDS_MAX, report);
    let rows = section.sections("models", report).map(|given| given.value).unwrap_or_default();
    section.leave(known::PROVIDER, report);
    let rows: Vec<_> = rows.into_iter().filter_map(|(_, row)| model_row(row, report)).collect();
    let prices = rows.iter().filter_map(|(id, price)| Some((id.clone(), (*price)?))).collect();
    let models = rows.into_iter().map(|(id, _)| id).collect();
    let (api, step) = match api {
        Some(given) => checked(read_api(given.value), given.place, report)?.value,
        None => match (id.as_str(), usual) {
            ("ollama", _) => (Api::OpenAi, VERSION),
            (_, Some(&(_, Api::Anthropic, ..))) => (Api::Anthropic, VERSION),
            _ => (Api::OpenAi, ""),
        },
    };
    let base_url = match (base_url, usual) {
        (Some(given), _) => checked(read_url(given.value, step), given.place, report)?.value,
        (None, Some(known)) => known.2.to_owned(),
        (None, None) => {
            report.warn(&place, "not used: no provider of this name is known; give its baseUrl");
            return None;
        }
    };
    let timeout = timeout.map(|seconds| Duration::from_secs(seconds.value));
    let (key_later, headers_later) = (None, Vec::new());
    let provider = Provider {
        id,
        base_url,
        api,
        key: key_later,
        headers: headers_later,
        timeout,
        models,
        prices,
    };
    Some(Written { provider, key, headers })
}

/// The step that OpenClaw leaves out of the addresses of Ollama and Anthropic.
const VERSION: &str = "/v1";

/// Where Gemini speaks OpenAI's language.
const GEMINI: &str = "/openai";

/// OpenClaw's words, and the step by which its address has to end. Ollama, Gemini and whoever has
/// OpenAI's responses have its chat completions too.
fn read_api(text: &str) -> Result<(Api, &'static str), &'static str> {
    match text {
        "openai-completions" | "openai-responses" => Ok((Api::OpenAi, "")),
        "ollama" => Ok((Api::OpenAi, VERSION)),
        "google-generative-ai" => Ok((Api::OpenAi, GEMINI)),
        "anthropic-messages" => Ok((Api::Anthropic, VERSION)),
        _ => Err("must be \"openai-completions\", \"openai-responses\", \"anthropic-messages\", \
                  \"google-generative-ai\" or \"ollama\""),
    }
}

/// The address without its last `/`, with its last step.
fn read_url(text: &str, step: &str) -> Result<String, &'static str> {
    let shape = "must be an address such as \"http://127.0.0.1:11434/v1\"";
    let url = Url::parse(text.trim()).map_err(|_| shape)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(shape);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password: an address is logged; use apiKey");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path");
    }
    let text = url.as_str().trim_end_matches('/');
    match text.ends_with(step) {
        true => Ok(text.to_owned()),
        false => Ok(format!("{text}{step}")),
    }
}

/// The names and where the values are found.
fn headers(section: Section, report: &mut Report) -> Vec<(String, Given<Source>)> {
    let (document, place) = (section.document(), section.place());
    let entries = section.entries();
    if entries.len() > HEADERS_MAX {
        report.error(&place, format!("has more than {HEADERS_MAX} headers"));
    }
    let mut headers = Vec::new();
    for (name, given) in entries {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            report.error(&given.place, "is not the name of a header (RFC 9110, section 5.1)");
        } else if let Some(source) = Source::of(document, given, report) {
            headers.push((name.to_ascii_lowercase(), source));
        }
    }
    headers
}

/// A model's row: its id, and what it costs. What else it says describes the model, and nothing here
/// asks.
fn model_row(mut row: Section, report: &mut Report) -> Option<(String, Option<Price>)> {
    let place = row.place();
    let id = row.text("id", report).map(|id| id.value.to_owned());
    let price = row.value("cost").and_then(|given| price(row.document(), &given, report));
    row.pass_over(known::MODEL_ROW);
    row.leave(&[], report);
    if id.is_none() {
        report.error(&place, "needs an id");
    }
    Some((id?, price))
}

/// `cost`: dollars for a million tokens. One that is not said is 0 beside one that is. What the cache
/// of a provider costs is not counted apart.
fn price(document: &Document, given: &Given<&Value>, report: &mut Report) -> Option<Price> {
    let mut cost = Section::of(document, given, report);
    let mut amount = |key| {
        let given = cost.value(key)?;
        let dollars = given.value.as_f64().filter(|dollars| *dollars >= 0.0);
        checked(dollars.ok_or(BAD_AMOUNT), given.place, report).map(|given| given.value)
    };
    let (input, output) = (amount("input"), amount("output"));
    cost.pass_over(&["cacheRead", "cacheWrite", "tieredPricing"]);
    cost.leave(&[], report);
    let said = input.is_some() || output.is_some();
    said.then(|| Price { input: input.unwrap_or(0.0), output: output.unwrap_or(0.0) })
}

const BAD_AMOUNT: &str = "must be dollars for a million tokens, 0 or more";

/// What the file declares, and those known ones that its agents name.
pub(super) fn with_known(mut list: Vec<Written>, agents: &[Agent]) -> Vec<Written> {
    let models = agents.iter().filter_map(|agent| match &agent.runtime {
        AgentRuntime::Model { models } => Some(models),
        _ => None,
    });
    for model in models.flatten() {
        if list.iter().all(|written| written.provider.id != model.provider) {
            list.extend(known(&model.provider).map(Written::known));
        }
    }
    list.sort_by(|a, b| a.provider.id.cmp(&b.provider.id));
    list
}

/// By what a model may be called.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The providers of the file.
    declared: Vec<String>,
    /// Each model that the file lists.
    listed: Vec<Model>,
    aliases: Aliases,
}

impl Names {
    pub(super) fn new(providers: &[Written], aliases: Aliases) -> Self {
        let listed = |written: &Written| {
            let Provider { id, models, .. } = &written.provider;
            let of = |name: &String| Model { provider: id.clone(), name: name.clone() };
            models.iter().map(of).collect::<Vec<_>>()
        };
        Self {
            declared: providers.iter().map(|written| written.provider.id.clone()).collect(),
            listed: providers.iter().flat_map(listed).collect(),
            aliases,
        }
    }

    /// The model that is meant: by its whole name, its alias, or a name that only one provider has.
    pub(super) fn resolve(&self, given: &Given<String>, report: &mut Report) -> Option<Model> {
        let text = given.value.trim();
        let text = self.aliases.get(&text.to_lowercase()).map_or(text, String::as_str);
        let mut same = self.listed.iter().filter(|model| model.name == text);
        if let (Some(model), None) = (same.next(), same.next()) {
            return Some(model.clone());
        }
        let whole = text.split_once('/').filter(|(id, name)| !id.is_empty() && !name.is_empty());
        let Some((id, name)) = whole else {
            let message = "must be a model's whole name, such as \"ollama/llama3.2\"";
            report.error(&given.place, message);
            return None;
        };
        let model = Model { provider: id.to_ascii_lowercase(), name: name.to_owned() };
        if !self.declared.contains(&model.provider) && known(&model.provider).is_none() {
            let message =
                "no provider of this name is in models.providers: whoever asks is told so";
            report.warn(&given.place, message);
        }
        Some(model)
    }
}
