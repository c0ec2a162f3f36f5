//! The line finder against texts whose lines are known from how they were written.

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::config::lines::{Lines, element_path, key_path};

/// Blank text between tokens.
const BLANKS: &[&str] =
    &["", " ", "\n", "\r\n", "\t// } ] , : \" '\n", "/* { \n \" */", "\u{a0}", "\n\n", "/**/"];

/// Writes a value as JSON5 and notes where each key went.
struct Writer {
    text: String,
    /// Which blank text comes next, over and over.
    turns: Vec<usize>,
    turn: usize,
    expected: Vec<(String, usize)>,
}

impl Writer {
    fn blank(&mut self) {
        self.text.push_str(BLANKS[self.turns[self.turn % self.turns.len()]]);
        self.turn += 1;
    }

    fn note(&mut self, path: &str) {
        self.expected.push((path.to_owned(), 1 + self.text.matches('\n').count()));
    }

    fn write(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(map) => self.write_map(path, map),
            Value::Array(elements) => self.write_list(path, elements),
            scalar => self.text.push_str(&scalar.to_string()),
        }
        self.blank();
    }

    fn write_map(&mut self, path: &str, map: &Map<String, Value>) {
        self.text.push('{');
        for (key, value) in map {
            let child = key_path(path, key);
            self.blank();
            self.note(&child);
            self.text.push_str(&Value::from(key.as_str()).to_string());
            self.blank();
            self.text.push(':');
            self.blank();
            self.write(&child, value);
            self.text.push(',');
        }
        self.blank();
        self.text.push('}');
    }

    fn write_list(&mut self, path: &str, elements: &[Value]) {
        self.text.push('[');
        for (index, value) in elements.iter().enumerate() {
            let child = element_path(path, index);
            self.blank();
            self.note(&child);
            self.write(&child, value);
            self.text.push(',');
        }
        self.blank();
        self.text.push(']');
    }
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"'\\\\{}\\[\\]:,/\n ]{0,6}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-z0-9.\"'\\\\\n{\\[é]{0,4}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_key_is_found_on_its_line(
        value in values(),
        turns in prop::collection::vec(0..BLANKS.len(), 1..20),
    ) {
        let mut writer = Writer { text: String::new(), turns, turn: 0, expected: Vec::new() };
        writer.blank();
        writer.write("", &value);
        prop_assert_eq!(json5::from_str::<Value>(&writer.text).unwrap(), value);
        let lines = Lines::of(&writer.text);
        for (path, line) in &writer.expected {
            prop_assert_eq!(lines.line(path), Some(*line), "{} in {:?}", path, writer.text);
        }
        prop_assert_eq!(lines.repeated, []);
    }

    #[test]
    fn no_text_makes_it_fail(text in "[\\PC\n\r{}\\[\\]:,'\"/*\\\\a1]{0,60}") {
        let lines = Lines::of(&text);
        let last = 1 + text.matches(['\n', '\r']).count();
        for (_, line) in &lines.repeated {
            prop_assert!((1..=last).contains(line));
        }
    }
}

#[test]
fn different_keys_have_different_paths() {
    let paths = [
        key_path("a", "b"),
        key_path("", "a.b"),
        element_path("a", 0),
        key_path("a", "0"),
        key_path("a", "[0]"),
        key_path("", "a[0]"),
        key_path("a", ""),
        key_path("a", "\""),
    ];
    assert_eq!(paths[0], "a.b");
    assert_eq!(paths[1], "[\"a.b\"]");
    for (index, path) in paths.iter().enumerate() {
        assert!(!paths[..index].contains(path), "{path}");
    }
}

#[test]
fn a_text_that_stops_has_the_lines_up_to_there() {
    let lines = Lines::of("{\n a: 1,\n b: {\n c: ] }, d: 1 }");
    assert_eq!(
        ["a", "b", "b.c", "d"].map(|path| lines.line(path)),
        [Some(2), Some(3), Some(4), None]
    );
}
