//! The only place that prints.
//!
//! Results go to standard output, everything else to standard error, so that `--json | jq` and
//! `> file` get results alone. Colour is a hint on a terminal and never the only carrier of a fact.

use std::io::{self, BufWriter, IsTerminal, Write};

use serde_json::{Value, json};

use super::exit::{Advice, ExitStatusCode, Trouble};

/// Where a command writes to.
pub struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    out_colour: bool,
    err_colour: bool,
    json: bool,
}

/// What a word is for.
#[derive(Debug, Clone, Copy)]
enum Paint {
    Good = 32,
    Bad = 31,
    Note = 33,
}

impl Output {
    /// The streams of this process.
    pub fn of_process(json: bool, no_color: bool) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_colour, err_colour) =
            (!no_color && out.is_terminal(), !no_color && err.is_terminal());
        Self {
            out: Box::new(BufWriter::new(out)),
            err: Box::new(err),
            out_colour,
            err_colour,
            json,
        }
    }

    /// Streams of one's own, without colour.
    pub fn to(
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
        json: bool,
    ) -> Self {
        let (out, err) = (Box::new(out), Box::new(err));
        Self { out, err, out_colour: false, err_colour: false, json }
    }

    /// Whether JSON is asked for.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A result: the text for people, or the document for programs.
    ///
    /// # Errors
    /// If nobody reads it any more.
    pub fn result(
        &mut self,
        text: impl FnOnce() -> String,
        document: impl FnOnce() -> Value,
    ) -> Result<(), Trouble> {
        let text = if self.json { document().to_string() } else { text() };
        let ended = if text.ends_with('\n') { "" } else { "\n" };
        self.put(&format!("{text}{ended}"))
    }

    /// A result that says that something was done.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn done(
        &mut self,
        word: &str,
        text: impl FnOnce() -> String,
        document: impl FnOnce() -> Value,
    ) -> Result<(), Trouble> {
        let word = paint(word, Paint::Good, self.out_colour);
        self.result(|| format!("{word} {}", text()), document)
    }

    /// Bytes as they are, for another program.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn raw(&mut self, text: &str) -> Result<(), Trouble> {
        self.put(text)
    }

    /// The same where a piece may end in the middle of a character.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.out.write_all(bytes).map_err(|error| lost(&error))
    }

    /// Hands over what was printed so far.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn flush(&mut self) -> Result<(), Trouble> {
        self.out.flush().map_err(|error| lost(&error))
    }

    /// Something to know beside the result; goes to standard error.
    pub fn note(&mut self, text: &str) {
        let label = paint("note:", Paint::Note, self.err_colour);
        // If standard error is gone, there is nobody left to tell.
        let _ = writeln!(self.err, "{label} {text}");
    }

    /// Why it did not go as asked: what happened, what is missing and who can grant it, what to run.
    pub fn trouble(&mut self, trouble: &Trouble) {
        if trouble.exit == ExitStatusCode::OK {
            return;
        }
        let text = if self.json {
            format!("{}\n", error_document(trouble))
        } else {
            error_text(trouble, &paint("error:", Paint::Bad, self.err_colour))
        };
        // As in `note`.
        let _ = self.err.write_all(text.as_bytes());
    }

    fn put(&mut self, text: &str) -> Result<(), Trouble> {
        self.out.write_all(text.as_bytes()).map_err(|error| lost(&error))
    }
}

/// What clap has to say: help and version to standard output with 0, the rest is wrong usage.
pub fn usage(error: &clap::Error) -> ExitStatusCode {
    // If the terminal is gone, there is nobody left to tell.
    let _ = error.print();
    if error.use_stderr() { ExitStatusCode::USAGE } else { ExitStatusCode::OK }
}

fn lost(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Trouble::reader_is_gone(),
        _ => {
            Trouble::new(ExitStatusCode::INTERNAL, format!("the output cannot be written: {error}"))
        }
    }
}

fn paint(word: &str, paint: Paint, colour: bool) -> String {
    if colour { format!("\u{1b}[{}m{word}\u{1b}[0m", paint as u8) } else { word.to_owned() }
}

fn error_text(trouble: &Trouble, label: &str) -> String {
    let Trouble { exit: _, what, advice } = trouble;
    let Advice { code, missing, grantors, remedy } = &**advice;
    let code = code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
    let mut text = format!("{label} {what}{code}\n");
    match (missing, grantors) {
        (Some(missing), Some(grantors)) => {
            text += &format!("missing: {missing}; can be granted by: {grantors}\n");
        }
        (Some(missing), None) => text += &format!("missing: {missing}\n"),
        (None, Some(grantors)) => text += &format!("can be granted by: {grantors}\n"),
        (None, None) => {}
    }
    if let Some(remedy) = remedy {
        text += &format!("run: {remedy}\n");
    }
    text
}

fn error_document(trouble: &Trouble) -> Value {
    let Trouble { exit, what, advice } = trouble;
    let Advice { code, missing, grantors, remedy } = &**advice;
    json!({"error": {
        "exit": exit.0, "what": what, "code": code, "missing": missing, "grantors": grantors,
        "run": remedy,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_in_three_lines() {
        let trouble = Trouble {
            exit: ExitStatusCode::REFUSED,
            what: "not you".into(),
            advice: Box::new(Advice {
                code: Some("HOST_ONLY".into()),
                missing: Some("a shell on the gateway host".into()),
                grantors: Some("the gateway host".into()),
                remedy: Some("doorward devices list".into()),
            }),
        };
        assert_eq!(
            error_text(&trouble, "error:"),
            "error: not you [HOST_ONLY]\n\
             missing: a shell on the gateway host; can be granted by: the gateway host\n\
             run: doorward devices list\n"
        );
        assert_eq!(error_document(&trouble)["error"]["exit"], 3);
        let short = Trouble::new(ExitStatusCode::USAGE, "which?");
        assert_eq!(error_text(&short, "error:"), "error: which?\n");
    }

    #[test]
    fn colour_is_only_where_it_was_asked_for() {
        assert_eq!(paint("x", Paint::Good, false), "x");
        assert_eq!(paint("x", Paint::Good, true), "\u{1b}[32mx\u{1b}[0m");
    }

    #[test]
    fn a_reader_that_left_is_no_trouble() {
        let gone = lost(&io::ErrorKind::BrokenPipe.into());
        assert_eq!(gone.exit, ExitStatusCode::OK);
        assert_eq!(lost(&io::ErrorKind::StorageFull.into()).exit, ExitStatusCode::INTERNAL);
    }
}
