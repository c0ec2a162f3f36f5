//! What talking has cost: tokens, their price where one is known, and the days on which it was.

use std::{collections::BTreeMap, fmt};

use super::{Author, Message, Model, Part, Usage};
use crate::domain::time::UnixMillis;

const DAY_MS: i64 = 86_400_000;

/// From the first of March of the year 0 to 1970-01-01, in days.
const BEGIN: i64 = 719_468;

/// What a model costs, in dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Price {
    /// Of what is read.
    pub input: f64,
    /// Of what is written.
    pub output: f64,
}

/// Tokens and what they cost, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// The tokens.
    pub usage: Usage,
    /// For what was read.
    pub input_cost: f64,
    /// For what was written.
    pub output_cost: f64,
    /// Answers whose price is not known; they are in the tokens and not in the costs.
    pub unpriced: u64,
}

impl Spent {
    /// What one answer cost.
    pub fn of(usage: Usage, price: Option<Price>) -> Self {
        let cost = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        match price {
            Some(Price { input, output }) => Self {
                usage,
                input_cost: cost(usage.input, input),
                output_cost: cost(usage.output, output),
                unpriced: 0,
            },
            None => Self { usage, unpriced: 1, ..Self::default() },
        }
    }

    /// This and another.
    pub fn add(&mut self, other: &Self) {
        self.usage = self.usage.plus(other.usage);
        self.input_cost += other.input_cost;
        self.output_cost += other.output_cost;
        self.unpriced += other.unpriced;
    }

    /// Both costs together.
    pub fn cost(&self) -> f64 {
        self.input_cost + self.output_cost
    }
}

/// How many messages of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Said to agents.
    pub user: u64,
    /// Said by agents.
    pub assistant: u64,
    /// Calls of clients' tools.
    pub tool_calls: u64,
    /// What these gave.
    pub tool_results: u64,
    /// Answers that failed.
    pub errors: u64,
}

impl Counts {
    /// This and another.
    pub fn add(&mut self, other: &Self) {
        self.user += other.user;
        self.assistant += other.assistant;
        self.tool_calls += other.tool_calls;
        self.tool_results += other.tool_results;
        self.errors += other.errors;
    }

    fn note(&mut self, message: &Message, failed: bool) {
        match message.author {
            Author::User => self.user += 1,
            Author::Assistant => self.assistant += 1,
            Author::Tool => self.tool_results += 1,
            Author::System => {}
        }
        self.errors += u64::from(failed);
        self.tool_calls += tools(message).count() as u64;
    }
}

fn tools(message: &Message) -> impl Iterator<Item = &str> {
    message.parts.iter().filter_map(|part| match part {
        Part::ToolCall { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

/// A provider and the name of a model there.
pub type ModelName = (String, String);

/// How often something answered, and what that cost.
pub type Answers = (u64, Spent);

/// What one day came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OfDay {
    /// The messages.
    pub counts: Counts,
    /// All together.
    pub spent: Spent,
    /// By who answered; what no model said is in `spent` alone.
    pub models: BTreeMap<ModelName, Answers>,
    /// How often each tool was called.
    pub tools: BTreeMap<String, u64>,
}

impl OfDay {
    /// This and another.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.spent.add(&other.spent);
        for (name, (count, spent)) in &other.models {
            let (counted, sum) = self.models.entry(name.clone()).or_default();
            *counted += count;
            sum.add(spent);
        }
        for (name, count) in &other.tools {
            *self.tools.entry(name.clone()).or_default() += count;
        }
    }
}

/// What some talk came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// The first and the last that was said.
    pub span: Option<(UnixMillis, UnixMillis)>,
    /// By day; only days on which something was said.
    pub days: BTreeMap<Day, OfDay>,
}

impl Tally {
    /// Counts one message.
    pub fn note(&mut self, calendar: Calendar, at: UnixMillis, said: &Said<'_>) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        let day = self.days.entry(calendar.day_of(at)).or_default();
        day.counts.note(said.message, said.failed);
        for name in tools(said.message) {
            *day.tools.entry(name.to_owned()).or_default() += 1;
        }
        let Some(usage) = said.usage else { return };
        let spent = Spent::of(usage, said.price);
        day.spent.add(&spent);
        if let Some(model) = said.model {
            let name = (model.provider.clone(), model.name.clone());
            let (count, sum) = day.models.entry(name).or_default();
            *count += 1;
            sum.add(&spent);
        }
    }

    /// This and another.
    pub fn add(&mut self, other: &Self) {
        let spans = self.span.into_iter().chain(other.span);
        self.span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        for (day, of_day) in &other.days {
            self.days.entry(*day).or_default().add(of_day);
        }
    }

    /// All days together.
    pub fn total(&self) -> OfDay {
        let mut total = OfDay::default();
        self.days.values().for_each(|day| total.add(day));
        total
    }
}

/// One message, as far as it counts.
#[derive(Debug)]
pub struct Said<'a> {
    /// What was said.
    pub message: &'a Message,
    /// Which model said it.
    pub model: Option<&'a Model>,
    /// What it used.
    pub usage: Option<Usage>,
    /// What that model costs.
    pub price: Option<Price>,
    /// Whether it ended in a failure.
    pub failed: bool,
}

/// A day of the Gregorian calendar, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// Reads `YYYY-MM-DD`; `None` if there is no such day.
    pub fn parse(text: &str) -> Option<Self> {
        let number =
            |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
        let right = month.len() == 2 && day.len() == 2;
        let day = right.then(|| Self::of(number(year)?, number(month)?, number(day)?))??;
        (day.to_string() == text).then_some(day)
    }

    /// Counts the days of the years, which begin in March so that a leap day ends one.
    fn of(year: i64, month: i64, day: i64) -> Option<Self> {
        let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        (0..12)
            .contains(&month)
            .then(|| Self(year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - BEGIN))
    }
}

impl fmt::Display for Day {
    /// The other way round; "chrono-Compatible Low-Level Date Algorithms" (Hinnant) derives it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ERA: i64 = 146_097;
        let days = self.0 + BEGIN;
        let of_era = days.rem_euclid(ERA);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + days.div_euclid(ERA) * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Where a day begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calendar {
    /// Minutes east of UTC.
    pub offset_minutes: i64,
}

impl Calendar {
    /// The day of an instant.
    pub fn day_of(self, at: UnixMillis) -> Day {
        let at = i64::try_from(at.0).unwrap_or(i64::MAX);
        Day(at.saturating_add(self.offset_minutes * 60_000).div_euclid(DAY_MS))
    }

    /// When a day begins; days before 1970 begin with it.
    pub fn start_of(self, day: Day) -> UnixMillis {
        let at = day.0.saturating_mul(DAY_MS) - self.offset_minutes * 60_000;
        UnixMillis(at.try_into().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1970-12-31", 364),
            ("1999-12-31", 10_956),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-11-22", 20_779),
            ("1969-12-31", -1),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!((Day::parse(text), Day(days).to_string().as_str()), (Some(Day(days)), text));
        }
        for day in -200_000..200_000 {
            assert_eq!(Day::parse(&Day(day).to_string()), Some(Day(day)));
        }
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "1900-02-29",
            "2026-1-01",
            "2026-01-1",
            "2026-01-00",
            "2026-01-32",
            "2026-01-01T",
            "+026-01-01",
            "2026-+1-01",
            "2026/01/01",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_where_its_people_are() {
        for (offset_minutes, at, day) in [
            (0, 0, 0),
            (0, 86_399_999, 0),
            (0, 86_400_000, 1),
            (60, 82_800_000, 1),
            (60, 82_799_999, 0),
            (-60, 86_400_000, 0),
            (-60, 90_000_000, 1),
        ] {
            let calendar = Calendar { offset_minutes };
            assert_eq!(calendar.day_of(UnixMillis(at)), Day(day), "{offset_minutes} {at}");
            assert!(calendar.start_of(Day(day)).0 <= at, "{offset_minutes} {at}");
            assert!(at < calendar.start_of(Day(day + 1)).0, "{offset_minutes} {at}");
        }
    }

    #[test]
    fn what_has_no_price_is_counted_and_costs_nothing() {
        let usage = Usage { input: 2_000_000, output: 500_000 };
        let mut spent = Spent::of(usage, Some(Price { input: 1.5, output: 8.0 }));
        assert_eq!(
            (spent.input_cost, spent.output_cost, spent.cost(), spent.unpriced),
            (3.0, 4.0, 7.0, 0)
        );
        spent.add(&Spent::of(usage, None));
        assert_eq!((spent.cost(), spent.unpriced, spent.usage.total()), (7.0, 1, 5_000_000));
        spent.add(&Spent::of(usage, Some(Price::default())));
        assert_eq!((spent.cost(), spent.unpriced), (7.0, 1));
    }
}
