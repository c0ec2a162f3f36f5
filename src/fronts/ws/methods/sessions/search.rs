//! Looking for words in what was said.

use serde_json::json;

use crate::{
    domain::talk::{AgentId, Author},
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        limits,
        methods::{read, talk_params as params},
        wire::{Fields, Misread, Params, talk as wire},
    },
    service::SearchFor,
};

/// `sessions.search {query, agentId?, sessionKeys?, limit?}`
pub fn search(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: Search = read(call)?;
    let keys = params.keys.map(|keys| {
        keys.iter().map(|key| params::session_key(call, key, None)).collect::<Result<_, _>>()
    });
    let (words, agent, limit) = (params.words, params.agent, params.limit);
    let what = SearchFor { words, agent, sessions: keys.transpose()?, limit };
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let words = what.words.to_lowercase();
        let found = service.search(&standing, what).await.map_err(|refusal| of_call(&refusal))?;
        let hits = found.hits.iter().map(|(session, entry)| {
            let said = entry.draft.message.words();
            json!({
                "sessionKey": session.key.as_str(),
                "sessionId": session.id.to_string(),
                "messageId": wire::message_id(session.id, entry.seq),
                "role": if entry.draft.message.author == Author::User { "user" } else { "assistant" },
                "timestamp": entry.at.0,
                "snippet": snippet(&said, &words),
                "score": 1,
            })
        });
        let hits: Vec<_> = hits.collect();
        Ok(json!({"results": hits, "indexing": false, "truncated": found.truncated}).to_string())
    }))
}

/// The words around what was found. Small letters may have another length than what they are the
/// small letters of, so the place is looked for among characters.
fn snippet(said: &str, words: &str) -> String {
    const AROUND: usize = 60;
    let chars: Vec<_> = said.chars().collect();
    let at = (0..chars.len()).find(|at| {
        let rest: String = chars[*at..].iter().take(words.chars().count() + 4).collect();
        rest.to_lowercase().starts_with(words)
    });
    let from = at.unwrap_or(0).saturating_sub(AROUND);
    chars[from..].iter().take(AROUND * 2 + words.chars().count()).collect()
}

struct Search {
    words: String,
    agent: Option<AgentId>,
    keys: Option<Vec<String>>,
    limit: usize,
}

impl Params for Search {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let words = fields.short("query", 4096)?.to_owned();
        let agent = params::agent(&mut fields)?;
        let keys = fields.optional_texts("sessionKeys")?;
        let keys = keys.map(|keys| keys.into_iter().map(str::to_owned).collect());
        let limit = fields.optional_integer("limit", 1)?.and_then(|n| usize::try_from(n).ok());
        let limit = limit.unwrap_or(10).min(limits::SEARCH_HITS_MAX);
        fields.end()?;
        Ok(Self { words, agent, keys, limit })
    }
}
