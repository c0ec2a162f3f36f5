//! Just enough of Rust's lexer to leave out comments and literals.
//!
//! So a forbidden word in a sentence or in a string is no offence, and a brace in a string closes
//! nothing.

/// A word or a mark of Rust, and its line (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword, raw ones without their `r#`.
    Word(String),
    /// `::`
    PathSep,
    /// `..`, which is no field access.
    Range,
    /// Any other mark.
    Mark(char),
}

impl Token {
    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

/// Splits Rust into tokens, without comments, literals and lifetimes.
pub fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        self.line += self.chars[self.at..end].iter().filter(|c| **c == '\n').count();
        self.at = end;
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { line: self.line, kind });
        self.advance(length);
    }

    fn step(&mut self) {
        let Some(here) = self.peek(0) else { return };
        match (here, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.advance(1);
                }
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', Some(':')) => self.push(Kind::PathSep, 2),
            ('.', Some('.')) => self.push(Kind::Range, 2),
            (c, _) if c.is_ascii_digit() => self.number(),
            (c, _) if c.is_alphabetic() || c == '_' => self.word(),
            (c, _) if c.is_whitespace() => self.advance(1),
            (c, _) => self.push(Kind::Mark(c), 1),
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.advance(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.advance(2);
                    if depth == 0 {
                        return;
                    }
                }
                (Some(_), _) => self.advance(1),
                (None, _) => return,
            }
        }
    }

    fn string(&mut self) {
        self.advance(1);
        while let Some(c) = self.peek(0) {
            self.advance(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                return;
            }
        }
    }

    /// After `r`, `br` or `cr`: as many `#` close the string as opened it.
    fn raw_string(&mut self, hashes: usize) {
        self.advance(hashes + 1);
        while let Some(c) = self.peek(0) {
            let closes = c == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            self.advance(if closes { hashes + 1 } else { 1 });
            if closes {
                return;
            }
        }
    }

    /// A character literal, or a lifetime, which has no second quote.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.advance(3);
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.advance(1);
            }
            self.advance(1);
        } else if self.peek(2) == Some('\'') {
            self.advance(3);
        } else {
            let name = self.word_length(1);
            self.advance(1 + name);
        }
    }

    fn number(&mut self) {
        let digits = self.word_length(0);
        self.advance(digits);
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.advance(1);
            let fraction = self.word_length(0);
            self.advance(fraction);
        }
    }

    fn word_length(&self, from: usize) -> usize {
        let rest = self.chars[self.at..].iter().skip(from);
        rest.take_while(|c| c.is_alphanumeric() || **c == '_').count()
    }

    fn word(&mut self) {
        let length = self.word_length(0);
        let word: String = self.chars[self.at..self.at + length].iter().collect();
        let hashes = self.chars[self.at + length..].iter().take_while(|c| **c == '#').count();
        let opens_string = self.peek(length + hashes) == Some('"');
        match word.as_str() {
            "r" | "br" | "cr" if opens_string => {
                self.advance(length);
                self.raw_string(hashes);
            }
            "b" | "c" if opens_string && hashes == 0 => self.advance(length),
            // A raw identifier: what follows is the word.
            "r" if hashes == 1 => self.advance(2),
            _ => self.push(Kind::Word(word), length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        lex(text).iter().filter_map(|t| t.word().map(Into::into)).collect()
    }

    #[test]
    fn comments_and_literals_hold_no_words() {
        for (text, expected) in [
            ("a // b\nc", "a c"),
            ("a /* b /* c */ d */ e", "a e"),
            (r#"a "b \" c" d"#, "a d"),
            (r###"a r#"b " c"# d"###, "a d"),
            (r##"a br"b" cr#"c"# b"d" c"e" f"##, "a f"),
            ("a 'b' c '\\'' d '\\u{7d}' e", "a c d e"),
            ("a<'b> '{' c", "a c"),
            ("r#async 1.0e5 0..b 2.max", "async b max"),
            ("/// crate::a\n//! b\nc", "c"),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn lines_count_through_literals_and_comments() {
        let tokens = lex("a /* \n */ b \"\n\\\n\" c\nr\"\n\" d");
        let lines: Vec<_> = tokens.iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 2, 4, 6]);
    }
}
