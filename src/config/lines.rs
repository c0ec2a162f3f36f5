//! On which line of a JSON5 text each key stands.
//!
//! The parser gives a tree without positions, so this walks the text once more and notes the line
//! of every key and array element. It judges nothing: at the first thing that it does not
//! understand it stops, and the parser says what is wrong. It runs before the parser and watches
//! the depth of nesting, because the parser recurses without a limit of its own.

use std::{
    collections::{BTreeMap, HashMap},
    iter::Peekable,
    str::CharIndices,
};

use json5::char::{is_json5_identifier, is_json5_line_terminator, is_json5_whitespace};

/// How deep objects and lists may nest. Real files stay under ten; a parser that recurses once
/// for each level needs some limit, and this one is far from any stack's end.
pub(super) const MAX_DEPTH: usize = 64;

/// The lines (from 1) of a text's keys, by path.
#[derive(Debug, Default)]
pub(super) struct Lines {
    at: HashMap<String, usize>,
    /// Keys that were written again in the same object, with the later line. The later counts.
    pub repeated: Vec<(String, usize)>,
    /// The line on which the nesting became deeper than [`MAX_DEPTH`].
    pub too_deep: Option<usize>,
}

impl Lines {
    /// Walks the text.
    pub fn of(text: &str) -> Self {
        let chars = text.char_indices().peekable();
        let mut walk = Walk { text, chars, line: 1, lines: Self::default() };
        let _stopped_early = walk.value("", 0);
        walk.lines
    }

    /// The line of a key or element, if the walk came that far.
    pub fn line(&self, path: &str) -> Option<usize> {
        self.at.get(path).copied()
    }
}

/// The path of a key in the object at `parent`. A key that is not a plain name is quoted and
/// escaped, so that two paths are never the same text and no key can forge a line of output.
pub(super) fn key_path(parent: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    match (!key.is_empty() && key.chars().all(plain), parent) {
        (true, "") => key.to_owned(),
        (true, _) => format!("{parent}.{key}"),
        (false, _) => format!("{parent}[{key:?}]"),
    }
}

/// The path of an element (from 0) in the list at `parent`.
pub(super) fn element_path(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// The walk over one text. Each step gives `None` where it cannot go on.
struct Walk<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
    line: usize,
    lines: Lines,
}

impl Walk<'_> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|&(_, c)| c)
    }

    /// Where the next character starts, in bytes.
    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |&(offset, _)| offset)
    }

    /// Takes one character and counts lines as the parser does: CR LF is one line's end.
    fn take(&mut self) -> Option<char> {
        let (_, c) = self.chars.next()?;
        if is_json5_line_terminator(c) && !(c == '\r' && self.peek() == Some('\n')) {
            self.line += 1;
        }
        Some(c)
    }

    fn take_if(&mut self, wanted: char) -> Option<()> {
        (self.peek()? == wanted).then(|| self.take())?.map(|_| ())
    }

    /// White space and comments.
    fn blank(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Some(c) if is_json5_whitespace(c) => self.take(),
                Some('/') => {
                    self.take();
                    self.comment()?;
                    continue;
                }
                _ => return Some(()),
            };
        }
    }

    /// The rest of a comment, after its first slash.
    fn comment(&mut self) -> Option<()> {
        match self.take()? {
            '/' => {
                while !is_json5_line_terminator(self.take()?) {}
                Some(())
            }
            '*' => loop {
                if self.take()? == '*' && self.peek()? == '/' {
                    return self.take().map(|_| ());
                }
            },
            _ => None,
        }
    }

    fn value(&mut self, path: &str, depth: usize) -> Option<()> {
        self.blank()?;
        let opening = self.peek()?;
        if matches!(opening, '{' | '[') && depth == MAX_DEPTH {
            self.lines.too_deep = Some(self.line);
            return None;
        }
        match opening {
            '{' => self.object(path, depth + 1),
            '[' => self.list(path, depth + 1),
            '"' | '\'' => self.quoted(),
            _ => self.bare(),
        }
    }

    fn object(&mut self, path: &str, depth: usize) -> Option<()> {
        self.take_if('{')?;
        loop {
            self.blank()?;
            if self.take_if('}').is_some() {
                return Some(());
            }
            let line = self.line;
            let child = key_path(path, &self.key()?);
            self.note(&child, line);
            self.blank()?;
            self.take_if(':')?;
            self.value(&child, depth)?;
            self.separator('}')?;
        }
    }

    /// Notes a key. What an earlier writing of it held is gone, as it is for the parser.
    fn note(&mut self, path: &str, line: usize) {
        if self.lines.at.insert(path.to_owned(), line).is_some() {
            let below = |other: &str| {
                other.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            self.lines.at.retain(|other, _| !below(other));
            self.lines.repeated.push((path.to_owned(), line));
        }
    }

    fn list(&mut self, path: &str, depth: usize) -> Option<()> {
        self.take_if('[')?;
        for index in 0.. {
            self.blank()?;
            if self.take_if(']').is_some() {
                break;
            }
            let child = element_path(path, index);
            self.lines.at.insert(child.clone(), self.line);
            self.value(&child, depth)?;
            self.separator(']')?;
        }
        Some(())
    }

    /// A comma, or the end that is still to be taken.
    fn separator(&mut self, end: char) -> Option<()> {
        self.blank()?;
        if self.peek()? == end { Some(()) } else { self.take_if(',') }
    }

    /// A key, quoted or not. Escapes are left to the parser, so that both read the same name.
    fn key(&mut self) -> Option<String> {
        let start = self.offset();
        if matches!(self.peek()?, '"' | '\'') {
            self.quoted()?;
        } else {
            while self.peek().is_some_and(|c| is_json5_identifier(c) || c == '\\') {
                self.take();
            }
        }
        let end = self.offset();
        let object = format!("{{{}:0}}", &self.text[start..end]);
        json5::from_str::<BTreeMap<String, u8>>(&object).ok()?.into_keys().next()
    }

    fn quoted(&mut self) -> Option<()> {
        let quote = self.take()?;
        loop {
            match self.take()? {
                '\\' => drop(self.take()?),
                c if c == quote => return Some(()),
                _ => {}
            }
        }
    }

    /// A number, `true`, `false`, `null` and the like: up to what cannot be part of it.
    fn bare(&mut self) -> Option<()> {
        let ends = |c| is_json5_whitespace(c) || matches!(c, ',' | '}' | ']' | ':' | '/');
        if ends(self.peek()?) {
            return None;
        }
        while self.peek().is_some_and(|c| !ends(c)) {
            self.take();
        }
        Some(())
    }
}
