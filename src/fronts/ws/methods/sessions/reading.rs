//! Which sessions there are.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    domain::{
        refusal::Refusal,
        talk::{AgentId, SessionId},
        time::UnixMillis,
    },
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, invalid, of_call},
        limits,
        methods::{catalogs, read, talk_params as params},
        wire::{Fields, Misread, Params, talk as wire},
    },
    service::{HistoryRange, ListSessions, TalkSession},
    support::clock,
};

/// `sessions.list {...}`
pub fn list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let List(filter) = read(call)?;
    let listed = call.service.sessions(call.standing, &filter);
    let listed = listed.map_err(|refusal| of_call(&refusal))?;
    // Whoever may read sessions may know the agents; one that is named and not there has no sessions.
    let agents = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
    let agent = agents.get(filter.agent.as_ref().unwrap_or(agents.default_id()));
    let limit = filter.limit.unwrap_or(limits::SESSIONS_LISTED_MAX);
    let next = filter.offset + listed.sessions.len();
    let has_more = next < listed.total;
    let rows: Vec<_> = listed.sessions.iter().map(|session| wire::session(session)).collect();
    let answer = json!({
        "ts": clock::unix_millis(),
        "count": rows.len(),
        "totalCount": listed.total,
        "limitApplied": limit,
        "hasMore": has_more,
        "nextOffset": has_more.then_some(next),
        "owners": [],
        "defaults": agent.ok().map(catalogs::defaults),
        "sessions": rows,
    });
    out.push_str(&answer.to_string());
    Ok(())
}

struct List(ListSessions);

impl Params for List {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let count = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
        let minutes = fields.optional_integer("activeMinutes", 1)?;
        let since = minutes.map(|n| UnixMillis(clock::unix_millis().saturating_sub(n * 60_000)));
        let limit = count(fields.optional_integer("limit", 1)?);
        let filter = ListSessions {
            agent: params::agent(&mut fields)?,
            label: owned(fields.optional_short("label", limits::SESSION_LABEL_CHARS_MAX)?),
            words: owned(fields.optional_any_text("search")?).filter(|words| !words.is_empty()),
            archived: fields.optional_bool_or("archived", "all", Some(false))?,
            since,
            offset: count(fields.optional_integer("offset", 0)?).unwrap_or(0),
            limit: Some(
                limit.unwrap_or(limits::SESSIONS_LISTED_MAX).min(limits::SESSIONS_LISTED_MAX),
            ),
        };
        fields.ignore(&[
            "boardFace",
            "configuredAgentsOnly",
            "creatorId",
            "hasBoard",
            "includeDerivedTitles",
            "includeGlobal",
            "includeLastMessage",
            "includePeople",
            "includeUnknown",
            "involvingMe",
            "involvingProfileId",
            "ownerFirst",
            "ownerId",
            "requireLastInteraction",
            "sortBy",
        ]);
        // Agents here start no sessions of their own.
        let spawned = fields.optional_text("spawnedBy")?.is_some();
        fields.end()?;
        let limit = if spawned { Some(0) } else { filter.limit };
        Ok(Self(ListSessions { limit, words: filter.words.filter(|_| !spawned), ..filter }))
    }
}

/// `sessions.describe {key}`: the session, or `null`.
pub fn describe(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let session = find(call)?;
    out.push_str(&json!({"session": session.map(|session| wire::session(&session))}).to_string());
    Ok(())
}

fn find(call: &Call<'_>) -> Result<Option<Arc<TalkSession>>, Fault> {
    let params: params::OfSession = read(call)?;
    let key = params::session_key(call, &params.key, params.agent.as_ref())?;
    call.service.session(call.standing, &key).map_err(|refusal| of_call(&refusal))
}

/// `sessions.resolve {key | sessionId | label, agentId?, allowMissing?}`
pub fn resolve(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let params: Resolve = read(call)?;
    let fault = |refusal: Refusal| of_call(&refusal);
    let found = match (&params.key, params.id, params.label) {
        (Some(key), _, _) => {
            let key = params::session_key(call, key, params.agent.as_ref())?;
            call.service.session(call.standing, &key).map_err(fault)?
        }
        (None, Some(id), _) => call.service.session_by_id(call.standing, id).map_err(fault)?,
        (None, None, Some(label)) => {
            let filter =
                ListSessions { label: Some(label), agent: params.agent, ..ListSessions::default() };
            call.service.sessions(call.standing, &filter).map_err(fault)?.sessions.pop()
        }
        (None, None, None) => return Err(invalid("key, sessionId or label required")),
    };
    match found {
        Some(session) => {
            let key = &session.key;
            let mut answer =
                json!({"ok": true, "key": key.as_str(), "agentId": key.agent().as_str()});
            if let Some(label) = &session.label {
                answer["displayName"] = label.clone().into();
            }
            out.push_str(&answer.to_string());
            Ok(())
        }
        None if params.allow_missing => {
            out.push_str(r#"{"ok":false}"#);
            Ok(())
        }
        None => Err(of_call(&Refusal::UnknownSession)),
    }
}

struct Resolve {
    key: Option<String>,
    id: Option<SessionId>,
    label: Option<String>,
    agent: Option<AgentId>,
    allow_missing: bool,
}

impl Params for Resolve {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let key = fields.optional_text("key")?.map(str::to_owned);
        let id = fields.optional_text("sessionId")?;
        let id = id.map(|id| SessionId::parse(id).unwrap_or(SessionId([0xff; 16])));
        let label = fields.optional_short("label", limits::SESSION_LABEL_CHARS_MAX)?;
        let label = label.map(str::to_owned);
        let agent = params::agent(&mut fields)?;
        let allow_missing = fields.optional_bool("allowMissing")?.unwrap_or(false);
        fields.ignore(&["includeGlobal", "includeUnknown", "shortId", "slugHint", "spawnedBy"]);
        fields.end()?;
        Ok(Self { key, id, label, agent, allow_missing })
    }
}

/// `sessions.preview {keys, limit?, maxChars?}`: the newest words of some sessions.
pub fn preview(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: Preview = read(call)?;
    let keys = params.keys.iter().map(|key| params::session_key(call, key, None));
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let mut previews = Vec::new();
        for key in keys {
            let newest = HistoryRange::Newest { offset: 0 };
            let page = service.transcript(&standing, &key, newest, params.limit).await;
            let page = page.map_err(|refusal| of_call(&refusal))?;
            let entries = page.iter().flat_map(|page| &page.entries);
            let items = entries.filter_map(|entry| {
                let words = entry.draft.message.words();
                let text: String = words.chars().take(params.max_chars).collect();
                let role = entry.draft.message.author.role();
                (!text.is_empty()).then(|| json!({"role": role, "text": text}))
            });
            let items: Vec<Value> = items.collect();
            let status = match (&page, items.is_empty()) {
                (None, _) => "missing",
                (Some(_), true) => "empty",
                (Some(_), false) => "ok",
            };
            previews.push(json!({"key": key.as_str(), "status": status, "items": items}));
        }
        Ok(json!({"ts": clock::unix_millis(), "previews": previews}).to_string())
    }))
}

struct Preview {
    keys: Vec<String>,
    limit: usize,
    max_chars: usize,
}

impl Params for Preview {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let keys: Vec<_> = fields.texts("keys")?.into_iter().map(str::to_owned).collect();
        if keys.len() > limits::SUBSCRIPTIONS_MAX {
            return Err(Misread::Said("too many keys"));
        }
        let count = |n: Option<u64>, default: usize, most: usize| {
            n.and_then(|n| usize::try_from(n).ok()).unwrap_or(default).min(most)
        };
        let limit = count(fields.optional_integer("limit", 1)?, 12, 100);
        let max_chars = count(fields.optional_integer("maxChars", 20)?, 240, 2000);
        fields.end()?;
        Ok(Self { keys, limit, max_chars })
    }
}
