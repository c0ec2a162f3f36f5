//! Reads the parsed file one object at a time, and remembers which keys were asked for.
//!
//! What nobody asked for is, by definition, unknown: [`Section::leave`] warns about it, once for
//! a whole subtree. A `null` counts as not given.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{
    findings::{Place, Report},
    lines::{Lines, element_path, key_path},
};

/// A parsed file.
#[derive(Debug)]
pub(super) struct Document {
    /// The file's name, as findings show it.
    pub name: String,
    /// What stands in it. Holds secrets.
    pub value: Value,
    /// Where it stands.
    pub lines: Lines,
}

impl Document {
    /// The place of the value at a path.
    pub fn place(&self, path: &str) -> Place {
        Place { line: self.lines.line(path), ..Place::outside(&self.name, path) }
    }
}

/// A value and where it was given.
#[derive(Debug, Clone)]
pub(super) struct Given<T> {
    pub value: T,
    pub place: Place,
}

impl<T> Given<T> {
    /// Another value from the same place.
    pub fn with<U>(&self, value: U) -> Given<U> {
        Given { value, place: self.place.clone() }
    }
}

/// One object of the file; an object that is missing reads as an empty one.
pub(super) struct Section<'d> {
    document: &'d Document,
    path: String,
    map: Option<&'d Map<String, Value>>,
    asked: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The whole file.
    pub fn root(document: &'d Document, report: &mut Report) -> Self {
        let whole = Given { value: &document.value, place: document.place("") };
        Self::of(document, &whole, report)
    }

    /// A value as an object; anything else is an error and reads as an empty object.
    pub fn of(document: &'d Document, given: &Given<&'d Value>, report: &mut Report) -> Self {
        let map = given.value.as_object().or_else(|| wrong_kind("an object", given, report));
        Self { document, path: given.place.path.clone(), map, asked: Vec::new() }
    }

    /// The object at a key.
    pub fn section(&mut self, key: &'static str, report: &mut Report) -> Self {
        match self.value(key) {
            Some(given) => Self::of(self.document, &given, report),
            None => Self {
                document: self.document,
                path: key_path(&self.path, key),
                map: None,
                asked: Vec::new(),
            },
        }
    }

    /// The list of objects at a key, each with its place. Elements of another kind are errors and
    /// left out.
    pub fn sections(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Given<Vec<(Place, Self)>>> {
        let given = self.value(key)?;
        let Some(elements) = given.value.as_array() else {
            return wrong_kind("a list of objects", &given, report);
        };
        let sections = elements.iter().enumerate().map(|(index, value)| {
            let place = self.document.place(&element_path(&given.place.path, index));
            let element = Given { value, place: place.clone() };
            (place, Self::of(self.document, &element, report))
        });
        Some(given.with(sections.collect()))
    }

    /// The file that this is a part of.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The value at a key, of whatever kind.
    pub fn value(&mut self, key: &'static str) -> Option<Given<&'d Value>> {
        self.asked.push(key);
        let value = self.map?.get(key).filter(|value| !value.is_null())?;
        Some(Given { value, place: self.document.place(&key_path(&self.path, key)) })
    }

    /// The string at a key.
    pub fn text(&mut self, key: &'static str, report: &mut Report) -> Option<Given<&'d str>> {
        let given = self.value(key)?;
        text(&given, report)
    }

    /// The `true` or `false` at a key.
    pub fn switch(&mut self, key: &'static str, report: &mut Report) -> Option<Given<bool>> {
        let given = self.value(key)?;
        let switch = given.value.as_bool().or_else(|| wrong_kind("true or false", &given, report));
        Some(given.with(switch?))
    }

    /// The list of strings at a key. Elements of another kind are errors and left out.
    pub fn list(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Given<Vec<Given<&'d str>>>> {
        let given = self.value(key)?;
        texts(self.document, &given, report)
    }

    /// Every key of it with its list of strings, for objects whose keys are the operator's own.
    pub fn lists(self, report: &mut Report) -> Vec<(&'d str, Given<Vec<Given<&'d str>>>)> {
        let entries = self.map.into_iter().flat_map(Map::iter);
        let read = |(key, value): (&'d String, &'d Value)| {
            let place = self.document.place(&key_path(&self.path, key));
            Some((key.as_str(), texts(self.document, &Given { value, place }, report)?))
        };
        entries.filter_map(read).collect()
    }

    /// Every key of it with its string, for objects whose keys are the operator's own.
    pub fn texts(self, report: &mut Report) -> Vec<(&'d str, Given<&'d str>)> {
        let entries = self.map.into_iter().flat_map(Map::iter);
        let read = |(key, value): (&'d String, &'d Value)| {
            let place = self.document.place(&key_path(&self.path, key));
            Some((key.as_str(), text(&Given { value, place }, report)?))
        };
        entries.filter_map(read).collect()
    }

    /// Every key of it with its value, for objects whose keys are the operator's own.
    pub fn entries(self) -> Vec<(&'d str, Given<&'d Value>)> {
        let entries = self.map.into_iter().flat_map(Map::iter);
        let written = entries.filter(|(_, value)| !value.is_null());
        let read = |(key, value): (&'d String, &'d Value)| {
            let place = self.document.place(&key_path(&self.path, key));
            (key.as_str(), Given { value, place })
        };
        written.map(read).collect()
    }

    /// The whole number at a key, within bounds.
    pub fn number(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        report: &mut Report,
    ) -> Option<Given<u64>> {
        let given = self.value(key)?;
        match given.value.as_u64().filter(|number| bounds.contains(number)) {
            Some(number) => Some(given.with(number)),
            None => {
                let (least, most) = bounds.into_inner();
                let message = format!("must be a whole number from {least} to {most}");
                report.error(&given.place, message);
                None
            }
        }
    }

    /// Where it stands, or would.
    pub fn place(&self) -> Place {
        self.document.place(&self.path)
    }

    /// Whether it was written at all.
    pub fn is_given(&self) -> bool {
        self.map.is_some()
    }

    /// Takes note of keys that describe something and ask nothing of this version: they are
    /// neither used nor worth a warning.
    pub fn pass_over(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// Warns about each key that was not asked for. `unused` names those that the real gateway
    /// has and this version does not.
    pub fn leave(self, unused: &[&str], report: &mut Report) {
        let keys = self.map.into_iter().flat_map(Map::keys);
        for key in keys.filter(|key| !self.asked.contains(&key.as_str())) {
            let message = if unused.contains(&key.as_str()) {
                "accepted, not used by this version"
            } else {
                "unknown key, ignored"
            };
            report.warn(&self.document.place(&key_path(&self.path, key)), message);
        }
    }
}

/// A list of strings, without the elements that are none.
fn texts<'d>(
    document: &Document,
    given: &Given<&'d Value>,
    report: &mut Report,
) -> Option<Given<Vec<Given<&'d str>>>> {
    let Some(elements) = given.value.as_array() else {
        return wrong_kind("a list of strings", given, report);
    };
    let texts = elements.iter().enumerate().filter_map(|(index, value)| {
        let place = document.place(&element_path(&given.place.path, index));
        text(&Given { value, place }, report)
    });
    Some(given.with(texts.collect()))
}

fn text<'d>(given: &Given<&'d Value>, report: &mut Report) -> Option<Given<&'d str>> {
    match given.value.as_str() {
        Some(text) => Some(given.with(text)),
        None => wrong_kind("a string", given, report),
    }
}

/// Reports a value of the wrong kind; always `None`, to be returned.
pub(super) fn wrong_kind<T>(wanted: &str, given: &Given<&Value>, report: &mut Report) -> Option<T> {
    let found = match given.value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    report.error(&given.place, format!("must be {wanted}, but is {found}"));
    None
}
