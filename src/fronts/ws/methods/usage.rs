//! `usage.*` and `sessions.usage`: what talking has cost.

use serde_json::json;

use super::{read, talk_params as params};
use crate::{
    domain::{
        talk::{
            AgentId,
            spent::{Calendar, Day},
        },
        time::UnixMillis,
    },
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        wire::{Fields, Misread, Params, usage as wire},
    },
    service::CountUsage,
    support::clock,
};

/// Days that are counted unless the client says, as in the real gateway.
const DAYS: u64 = 30;

/// Sessions that are listed unless the client says; all of them are counted.
const SESSIONS: usize = 50;

/// `usage.status {}`: what is left of providers' quotas. Nobody is asked for that here.
pub fn status(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let NoParams = read(call)?;
    out.push_str(&json!({"updatedAt": clock::unix_millis(), "providers": []}).to_string());
    Ok(())
}

struct NoParams;

impl Params for NoParams {
    fn read(fields: Fields<'_>) -> Result<Self, Misread> {
        Ok(fields.end().map(|()| Self)?)
    }
}

/// `usage.cost {days?, startDate?, endDate?, agentId?, agentScope?, ...}`
pub fn cost(call: &Call<'_>) -> Result<Answer, Fault> {
    let Cost(scope, period) = read(call)?;
    let what = scope.of(call, period, None, true)?;
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let usage = service.usage(&standing, what).await.map_err(|refusal| of_call(&refusal))?;
        Ok(wire::cost(&usage, clock::unix_millis(), period.days()).to_string())
    }))
}

struct Cost(Scope, Period);

impl Params for Cost {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let scope = Scope::read(&mut fields)?;
        let period = Period::read(&mut fields)?;
        fields.end()?;
        Ok(Self(scope, period))
    }
}

/// `sessions.usage {key?, agentId?, agentScope?, startDate?, endDate?, groupBy?, limit?, ...}`
pub fn sessions(call: &Call<'_>) -> Result<Answer, Fault> {
    let Sessions { scope, period, key, family, limit } = read(call)?;
    let what = scope.of(call, period, key.as_deref(), family)?;
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let usage = service.usage(&standing, what).await.map_err(|refusal| of_call(&refusal))?;
        let rows: Vec<_> = usage.iter().take(limit).map(|one| wire::session(one, family)).collect();
        let (totals, aggregates) = wire::aggregates(&usage);
        let first = period.first.unwrap_or(Day(0));
        Ok(json!({
            "updatedAt": clock::unix_millis(),
            "startDate": first.to_string(),
            "endDate": period.last.to_string(),
            "sessions": rows,
            "totals": totals,
            "aggregates": aggregates,
            "creatorOptions": [],
        })
        .to_string())
    }))
}

struct Sessions {
    scope: Scope,
    period: Period,
    key: Option<String>,
    family: bool,
    limit: usize,
}

impl Params for Sessions {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let key = fields.optional_text("key")?.map(str::to_owned);
        let scope = Scope::read(&mut fields)?;
        if scope.everybody && key.is_some() {
            return Err(Misread::Said("agentScope=all cannot be combined with key or agentId"));
        }
        let period = Period::read(&mut fields)?;
        let group = fields.optional_one_of("groupBy", &["instance", "family"])?;
        let historical = fields.optional_bool("includeHistorical")?;
        let limit = fields.optional_integer("limit", 1)?.and_then(|n| usize::try_from(n).ok());
        fields.ignore(&["includeContextWeight"]);
        fields.end()?;
        let family = group == Some("family") || historical == Some(true);
        Ok(Self { scope, period, key, family, limit: limit.unwrap_or(SESSIONS) })
    }
}

/// Whose usage. Nobody named is the default agent, as in the real gateway.
struct Scope {
    agent: Option<AgentId>,
    everybody: bool,
}

impl Scope {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Misread> {
        let everybody = fields.optional_one_of("agentScope", &["all"])?.is_some();
        let agent = params::agent(fields)?;
        match everybody && agent.is_some() {
            true => Err(Misread::Said("agentScope=all cannot be combined with agentId")),
            false => Ok(Self { agent, everybody }),
        }
    }

    fn of(
        self,
        call: &Call<'_>,
        period: Period,
        key: Option<&str>,
        previous: bool,
    ) -> Result<CountUsage, Fault> {
        let session = key.map(|key| params::session_key(call, key, self.agent.as_ref()));
        let session = session.transpose()?;
        let agents = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
        let default = || agents.default_id().clone();
        let agent = match (self.everybody, &session) {
            (true, _) | (_, Some(_)) => None,
            (false, None) => Some(self.agent.unwrap_or_else(default)),
        };
        let Period { first, last, calendar } = period;
        Ok(CountUsage { agent, session, previous, first, last, calendar })
    }
}

/// Which days, and where they begin.
#[derive(Clone, Copy)]
struct Period {
    /// `None`: from the beginning.
    first: Option<Day>,
    last: Day,
    calendar: Calendar,
}

impl Period {
    /// How many days these are.
    fn days(self) -> i64 {
        self.last.0 - self.first.map_or(0, |day| day.0) + 1
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, Misread> {
        let calendar = calendar(fields)?;
        let days = fields.optional_integer("days", 1)?;
        let range = fields.optional_one_of("range", &["7d", "30d", "90d", "1y", "all"])?;
        let mut date = |name, wrong| match fields.optional_text(name)? {
            Some(text) => Day::parse(text).map(Some).ok_or(Misread::Said(wrong)),
            None => Ok(None),
        };
        let start = date("startDate", BAD_START)?;
        let end = date("endDate", BAD_END)?;
        let today = calendar.day_of(UnixMillis(clock::unix_millis()));
        let (first, last) = match (start, end) {
            (Some(start), Some(end)) if start > end => {
                return Err(Misread::Said("startDate must not be after endDate"));
            }
            (Some(start), Some(end)) => (Some(start), end),
            (None, None) => {
                let days = match range {
                    Some("all") => None,
                    Some("7d") => Some(7),
                    Some("90d") => Some(90),
                    Some("1y") => Some(365),
                    Some(_) => Some(30),
                    None => Some(days.unwrap_or(DAYS)),
                };
                let back = |days: u64| i64::try_from(days - 1).unwrap_or(i64::MAX).min(today.0);
                (days.map(|days| Day(today.0 - back(days))), today)
            }
            _ => return Err(Misread::Said("startDate and endDate must be provided together")),
        };
        Ok(Self { first, last, calendar })
    }
}

const BAD_START: &str = "invalid startDate: expected a valid YYYY-MM-DD calendar date";
const BAD_END: &str = "invalid endDate: expected a valid YYYY-MM-DD calendar date";

/// Where a day begins: in UTC, unless the client has a `specific` place. There is no table of time
/// zones here, so of such a place its offset counts, which official clients send beside its name.
fn calendar(fields: &mut Fields<'_>) -> Result<Calendar, Misread> {
    let mode = fields.optional_one_of("mode", &["utc", "gateway", "specific"])?;
    let zone = fields.optional_text("timeZone")?;
    let offset = fields.optional_any_text("utcOffset")?.filter(|text| !text.trim().is_empty());
    if mode != Some("specific") {
        return Ok(Calendar::default());
    }
    match (zone, offset) {
        (Some("UTC" | "Etc/UTC" | "GMT"), _) | (None, None) => Ok(Calendar::default()),
        (Some(_), None) => Err(Misread::Said("timeZone needs utcOffset beside it")),
        (_, Some(offset)) => match minutes(offset.trim()) {
            Some(offset_minutes) => Ok(Calendar { offset_minutes }),
            None => Err(Misread::Said("invalid utcOffset: expected UTC-12:00 through UTC+14:00")),
        },
    }
}

/// `UTC+5`, `UTC-03:30`: minutes east of UTC.
fn minutes(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("UTC")?;
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && lengths.contains(&text.len());
        digits.then(|| text.parse::<i64>().ok())?
    };
    let minutes = number(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
    let offset = sign * (number(hours, 1..=2)? * 60 + minutes);
    (-12 * 60..=14 * 60).contains(&offset).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_row_by_row() {
        for (text, expected) in [
            ("UTC+0", Some(0)),
            ("UTC+1", Some(60)),
            ("UTC-03:30", Some(-210)),
            ("UTC+14:00", Some(840)),
            ("UTC-12", Some(-720)),
            ("UTC+14:01", None),
            ("UTC-13", None),
            ("UTC+5:60", None),
            ("UTC+5:3", None),
            ("UTC+", None),
            ("UTC5", None),
            ("UTC", None),
            ("UTC++5", None),
            ("+5", None),
        ] {
            assert_eq!(minutes(text), expected, "{text}");
        }
    }
}
