//! Reads a JSON object field by field and says what is wrong in the words of the schema's validator.
//!
//! Clients show these sentences to people, and the recordings hold them, so they are part of the
//! wire: `must have required property 'x'`, `at /a/b: must be string`, `at root: unexpected
//! property 'foo'`.

use serde_json::{Map, Value};

use crate::{
    domain::scope::{Scope, ScopeSet},
    fronts::ws::limits,
};

/// An object that is being read.
pub struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

type Read<T> = Result<T, String>;

impl<'a> Fields<'a> {
    /// Starts on the root of the parameters.
    ///
    /// # Errors
    /// If it is not an object.
    pub fn root(value: &'a Value) -> Read<Self> {
        Self::at(String::new(), value)
    }

    fn at(path: String, value: &'a Value) -> Read<Self> {
        match value {
            Value::Object(map) => Ok(Self { path, map, known: Vec::new() }),
            _ => Err(located(&path, "must be object")),
        }
    }

    fn fault<T>(&self, name: &str, what: &str) -> Read<T> {
        Err(located(&format!("{}/{name}", self.path), what))
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name)
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Read<T> {
        value.ok_or_else(|| located(&self.path, &format!("must have required property '{name}'")))
    }

    /// A text of at least one character, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_text(&mut self, name: &'static str) -> Read<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => {
                self.fault(name, "must not have fewer than 1 characters")
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => self.fault(name, "must be string"),
        }
    }

    /// A text that may be empty, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_any_text(&mut self, name: &'static str) -> Read<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => self.fault(name, "must be string"),
        }
    }

    /// A text that may be empty.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn any_text(&mut self, name: &'static str) -> Read<&'a str> {
        let text = self.optional_any_text(name)?;
        self.required(name, text)
    }

    /// A text of at least one character or `null`, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn nullable_text(&mut self, name: &'static str) -> Read<Option<Option<&'a str>>> {
        match self.get(name) {
            Some(Value::Null) => Ok(Some(None)),
            _ => self.optional_text(name).map(|text| text.map(Some)),
        }
    }

    /// A list of anything, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_list(&mut self, name: &'static str) -> Read<Option<&'a [Value]>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => self.fault(name, "must be array"),
        }
    }

    /// A text of at most `chars_max` characters, if it is there.
    ///
    /// # Errors
    /// If it is something else, or longer.
    pub fn optional_short(
        &mut self,
        name: &'static str,
        chars_max: usize,
    ) -> Read<Option<&'a str>> {
        match self.optional_text(name)? {
            Some(text) if text.chars().count() > chars_max => {
                self.fault(name, &format!("must not have more than {chars_max} characters"))
            }
            text => Ok(text),
        }
    }

    /// A text of at least one and at most `chars_max` characters.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn short(&mut self, name: &'static str, chars_max: usize) -> Read<&'a str> {
        let text = self.optional_short(name, chars_max)?;
        self.required(name, text)
    }

    /// A text of at least one character.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn text(&mut self, name: &'static str) -> Read<&'a str> {
        let text = self.optional_text(name)?;
        self.required(name, text)
    }

    /// One of a closed set of texts, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_one_of(
        &mut self,
        name: &'static str,
        allowed: &[&str],
    ) -> Read<Option<&'a str>> {
        match self.get(name).map(Value::as_str) {
            None => Ok(None),
            Some(Some(text)) if allowed.contains(&text) => Ok(Some(text)),
            Some(_) => self.fault(name, "must be equal to one of the allowed values"),
        }
    }

    /// One of a closed set of texts.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn one_of(&mut self, name: &'static str, allowed: &[&str]) -> Read<&'a str> {
        let text = self.optional_one_of(name, allowed)?;
        self.required(name, text)
    }

    /// `true` or `false`, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_bool(&mut self, name: &'static str) -> Read<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(*yes)),
            Some(_) => self.fault(name, "must be boolean"),
        }
    }

    /// `true`, `false` or a word that stands for both, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_bool_or(
        &mut self,
        name: &'static str,
        both: &str,
        absent: Option<bool>,
    ) -> Read<Option<bool>> {
        match self.get(name) {
            None => Ok(absent),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(word)) if word == both => Ok(None),
            Some(_) => self.fault(name, "must match a schema in anyOf"),
        }
    }

    /// A whole number of at least `min`, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_integer(&mut self, name: &'static str, min: u64) -> Read<Option<u64>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(number) if number >= min => Ok(Some(number)),
                _ if number.is_f64() => self.fault(name, "must be integer"),
                _ => self.fault(name, &format!("must be >= {min}")),
            },
            Some(_) => self.fault(name, "must be integer"),
        }
    }

    /// A whole number of at least `min`.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn integer(&mut self, name: &'static str, min: u64) -> Read<u64> {
        let number = self.optional_integer(name, min)?;
        self.required(name, number)
    }

    /// A list of texts, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_texts(&mut self, name: &'static str) -> Read<Option<Vec<&'a str>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let Value::Array(items) = value else { return self.fault(name, "must be array") };
        let read = |(at, item): (usize, &'a Value)| match item {
            Value::String(text) if !text.is_empty() => Ok(text.as_str()),
            Value::String(_) => {
                self.fault(&format!("{name}/{at}"), "must not have fewer than 1 characters")
            }
            _ => self.fault(&format!("{name}/{at}"), "must be string"),
        };
        items.iter().enumerate().map(read).collect::<Read<Vec<_>>>().map(Some)
    }

    /// A list of texts.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn texts(&mut self, name: &'static str) -> Read<Vec<&'a str>> {
        let texts = self.optional_texts(name)?;
        self.required(name, texts)
    }

    /// An object within, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub fn optional_object(&mut self, name: &'static str) -> Read<Option<Fields<'a>>> {
        let path = format!("{}/{name}", self.path);
        self.get(name).map(|value| Fields::at(path, value)).transpose()
    }

    /// An object within.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn object(&mut self, name: &'static str) -> Read<Fields<'a>> {
        let object = self.optional_object(name)?;
        self.required(name, object)
    }

    /// A list of texts that was read at `name`, as scopes.
    ///
    /// # Errors
    /// If they are too many, or one of them is none.
    pub fn scopes(&self, name: &str, texts: &[&str]) -> Read<ScopeSet> {
        if texts.len() > ScopeSet::LEN_MAX {
            return self
                .fault(name, &format!("must not have more than {} items", ScopeSet::LEN_MAX));
        }
        let read = |(at, text): (usize, &&str)| match Scope::parse(text) {
            Some(scope) => Ok(scope),
            None => self.fault(&format!("{name}/{at}"), "must be a scope name"),
        };
        texts.iter().enumerate().map(read).collect()
    }

    /// Fields that may be there and are not read in this version.
    pub fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// A complaint about a field whose value was read and does not fit.
    ///
    /// # Errors
    /// Always.
    pub fn refuse<T>(&self, name: &str, what: &str) -> Read<T> {
        self.fault(name, what)
    }

    /// Ends the reading: whatever was not read is not known.
    ///
    /// # Errors
    /// If something is left.
    pub fn end(self) -> Read<()> {
        match self.map.keys().find(|name| !self.known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let path = if self.path.is_empty() { "root" } else { &self.path };
                // It is echoed to whoever sent it, but not at any length.
                let name: String = name.chars().take(limits::ECHO_CHARS_MAX).collect();
                Err(format!("at {path}: unexpected property '{name}'"))
            }
        }
    }
}

fn located(path: &str, what: &str) -> String {
    if path.is_empty() { what.to_owned() } else { format!("at {path}: {what}") }
}

/// For methods without parameters. `null` and absent are what the real gateway's clients send.
///
/// # Errors
/// If there is something else than an empty object.
pub fn no_params(params: Option<&str>) -> Read<()> {
    match params {
        None | Some("{}" | "null") => Ok(()),
        Some(text) => {
            let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Fields::root(&value)?.end()
        }
    }
}
