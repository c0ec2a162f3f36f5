//! Shapes of what talking has cost. The published schema has none for these answers; they are those
//! of the real gateway (`usage.cost`, `sessions.usage`). What doorward does not count (caches of
//! providers, latencies) is zero or not there.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    domain::talk::spent::{Answers, Counts, Day, ModelName, OfDay, Spent, Tally},
    service::SessionUsage,
};

/// Tokens and costs.
fn totals(spent: &Spent) -> Map<String, Value> {
    let numbers = json!({
        "input": spent.usage.input,
        "output": spent.usage.output,
        "cacheRead": 0,
        "cacheWrite": 0,
        "totalTokens": spent.usage.total(),
        "totalCost": spent.cost(),
        "inputCost": spent.input_cost,
        "outputCost": spent.output_cost,
        "cacheReadCost": 0,
        "cacheWriteCost": 0,
        "missingCostEntries": spent.unpriced,
    });
    match numbers {
        Value::Object(numbers) => numbers,
        _ => Map::new(),
    }
}

/// Totals with something before them.
fn with(mut head: Value, spent: &Spent) -> Value {
    if let Some(head) = head.as_object_mut() {
        head.extend(totals(spent));
    }
    head
}

/// The days on which something was spent.
fn daily(tally: &Tally) -> Vec<Value> {
    let days = tally.days.iter().filter(|(_, day)| day.spent != Spent::default());
    days.map(|(day, of)| with(json!({"date": day.to_string()}), &of.spent)).collect()
}

fn counts(counts: &Counts) -> Value {
    json!({
        "total": counts.user + counts.assistant,
        "user": counts.user,
        "assistant": counts.assistant,
        "toolCalls": counts.tool_calls,
        "toolResults": counts.tool_results,
        "errors": counts.errors,
    })
}

/// The dearest first, as the real gateway has them; then the one that used the most.
fn by_cost(mut rows: Vec<(Value, Spent)>, key: &str) -> Vec<Value> {
    rows.sort_by(|(_, a), (_, b)| {
        b.cost().total_cmp(&a.cost()).then(b.usage.total().cmp(&a.usage.total()))
    });
    let rows = rows.into_iter().map(|(mut head, spent)| {
        head[key] = totals(&spent).into();
        head
    });
    rows.collect()
}

fn models(models: &BTreeMap<ModelName, Answers>) -> Vec<Value> {
    let head = |((provider, model), (count, spent)): (&ModelName, &Answers)| {
        (json!({"provider": provider, "model": model, "count": count}), *spent)
    };
    by_cost(models.iter().map(head).collect(), "totals")
}

fn providers(models: &BTreeMap<ModelName, Answers>) -> Vec<Value> {
    let mut providers: BTreeMap<&str, Answers> = BTreeMap::new();
    for ((provider, _), (count, spent)) in models {
        let (counted, sum) = providers.entry(provider).or_default();
        *counted += count;
        sum.add(spent);
    }
    let head = |(provider, (count, spent)): (&str, Answers)| {
        (json!({"provider": provider, "count": count}), spent)
    };
    by_cost(providers.into_iter().map(head).collect(), "totals")
}

fn model_days(tally: &Tally) -> Vec<Value> {
    let of_day = |(day, of): (&Day, &OfDay)| {
        let date = day.to_string();
        let row = |((provider, model), (count, spent)): (&ModelName, &Answers)| {
            json!({
                "date": date,
                "provider": provider,
                "model": model,
                "tokens": spent.usage.total(),
                "cost": spent.cost(),
                "count": count,
            })
        };
        of.models.iter().map(row).collect::<Vec<_>>()
    };
    tally.days.iter().flat_map(of_day).collect()
}

fn tools(total: &OfDay) -> Value {
    let mut tools: Vec<_> = total.tools.iter().collect();
    tools.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let rows = tools.iter().map(|(name, count)| json!({"name": name, "count": count}));
    json!({
        "totalCalls": total.counts.tool_calls,
        "uniqueTools": tools.len(),
        "tools": rows.collect::<Vec<_>>(),
    })
}

/// The answer to `usage.cost`.
pub fn cost(all: &[SessionUsage], updated_at: u64, days: i64) -> Value {
    let tally = together(all);
    json!({
        "updatedAt": updated_at,
        "days": days,
        "daily": daily(&tally),
        "totals": totals(&tally.total().spent),
    })
}

/// All of them as one.
fn together(all: &[SessionUsage]) -> Tally {
    let mut tally = Tally::default();
    all.iter().for_each(|one| tally.add(&one.tally));
    tally
}

/// One row of `sessions.usage`. `family`: with the transcripts from before its resets.
pub fn session(usage: &SessionUsage, family: bool) -> Value {
    let SessionUsage { session, tally } = usage;
    let id = session.id.to_string();
    let mut row = json!({
        "key": session.key.as_str(),
        "sessionId": id,
        "scope": if family { "family" } else { "instance" },
        "updatedAt": session.updated_at.0,
        "agentId": session.key.agent().as_str(),
        "chatType": "direct",
        "usage": spent_in(&id, tally),
        "hasContextWeight": false,
    });
    if let Some(label) = &session.label {
        row["label"] = label.clone().into();
    }
    if family {
        let ids = session.previous.iter().chain([&session.id]).map(ToString::to_string);
        let ids: Vec<_> = ids.collect();
        row["sessionFamilyKey"] = session.key.as_str().into();
        row["currentSessionId"] = id.into();
        row["historicalInstanceCount"] = ids.len().into();
        row["includedSessionIds"] = ids.into();
    }
    if let Some(model) = session.last_run.as_ref().and_then(|run| run.model.as_ref()) {
        row["modelProvider"] = model.provider.clone().into();
        row["model"] = model.name.clone().into();
    }
    row
}

fn spent_in(id: &str, tally: &Tally) -> Value {
    let total = tally.total();
    let dates: Vec<_> = tally.days.keys().map(Day::to_string).collect();
    let messages = tally.days.iter().map(|(day, of)| {
        let mut row = counts(&of.counts);
        row["date"] = day.to_string().into();
        row
    });
    let breakdown = tally.days.iter().map(|(day, of)| {
        let (tokens, cost) = (of.spent.usage.total(), of.spent.cost());
        with(json!({"date": day.to_string(), "tokens": tokens, "cost": cost}), &of.spent)
    });
    let mut spent = json!({
        "sessionId": id,
        "activityDates": dates,
        "dailyBreakdown": breakdown.collect::<Vec<_>>(),
        "dailyMessageCounts": messages.collect::<Vec<_>>(),
        "dailyModelUsage": model_days(tally),
        "messageCounts": counts(&total.counts),
        "toolUsage": tools(&total),
        "modelUsage": models(&total.models),
    });
    if let Some((first, last)) = tally.span {
        spent["firstActivity"] = first.0.into();
        spent["lastActivity"] = last.0.into();
        spent["durationMs"] = (last.0 - first.0).into();
    }
    with(spent, &total.spent)
}

/// What `sessions.usage` says of all sessions together: `totals` and `aggregates`.
pub fn aggregates(all: &[SessionUsage]) -> (Value, Value) {
    let tally = together(all);
    let total = tally.total();
    let mut agents: BTreeMap<&str, Spent> = BTreeMap::new();
    for one in all {
        agents.entry(one.session.key.agent().as_str()).or_default().add(&one.tally.total().spent);
    }
    let agents = agents.into_iter().map(|(id, spent)| (json!({"agentId": id}), spent)).collect();
    let daily_all = tally.days.iter().map(|(day, of)| {
        json!({
            "date": day.to_string(),
            "tokens": of.spent.usage.total(),
            "cost": of.spent.cost(),
            "messages": of.counts.user + of.counts.assistant,
            "toolCalls": of.counts.tool_calls,
            "errors": of.counts.errors,
        })
    });
    let longest = all.iter().filter_map(|one| one.tally.span).map(|(first, last)| last.0 - first.0);
    let aggregates = json!({
        "sessionCount": all.len(),
        "longestSessionDurationMs": longest.max().unwrap_or(0),
        "messages": counts(&total.counts),
        "tools": tools(&total),
        "byModel": models(&total.models),
        "byProvider": providers(&total.models),
        "byAgent": by_cost(agents, "totals"),
        "byChannel": [],
        "byCreator": [],
        "costDaily": daily(&tally),
        "dailyLatency": [],
        "modelDaily": model_days(&tally),
        "daily": daily_all.collect::<Vec<_>>(),
    });
    (totals(&total.spent).into(), aggregates)
}
