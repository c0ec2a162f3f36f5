//! Server-sent events: the lines of a stream, put together again wherever it was cut.
//!
//! The WHATWG standard, section "Server-sent events". Only `data` is read: both APIs that are
//! spoken here say in it again what the event is. Lines end with LF or CR LF; nobody sends a CR
//! alone.

use std::collections::VecDeque;

use super::super::limits::EVENT_BYTES;
use crate::domain::talk::Failure;

/// A stream on its way.
#[derive(Debug, Default)]
pub struct Events {
    /// What came after the last line's end.
    rest: Vec<u8>,
    /// The data of the event that is not complete.
    data: String,
    has_data: bool,
    ready: VecDeque<String>,
}

impl Events {
    /// Takes in what came.
    ///
    /// # Errors
    /// If it is no text, or an event is too long.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, after) = bytes.split_at(end);
            bytes = &after[1..];
            if self.rest.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.line(&whole)?;
            }
        }
        self.rest.extend_from_slice(bytes);
        self.fits()
    }

    /// The data of the next event that is complete.
    pub fn next(&mut self) -> Option<String> {
        self.ready.pop_front()
    }

    /// The stream has ended: an event without its empty line counts, if it has come whole.
    ///
    /// # Errors
    /// If it is no text.
    pub fn end(&mut self) -> Result<(), Failure> {
        let rest = std::mem::take(&mut self.rest);
        self.line(&rest)?;
        self.line(b"")
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                self.ready.push_back(std::mem::take(&mut self.data));
            }
            return Ok(());
        }
        let Some(data) = line.strip_prefix(b"data:") else { return Ok(()) };
        let data = std::str::from_utf8(data);
        let data = data.map_err(|_| Failure::Broken("an event is not UTF-8".into()))?;
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push('\n');
        }
        self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
        self.fits()
    }

    fn fits(&self) -> Result<(), Failure> {
        match self.rest.len() + self.data.len() <= EVENT_BYTES {
            true => Ok(()),
            false => Err(Failure::TooLong { limit: EVENT_BYTES }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        for piece in pieces {
            events.push(piece).unwrap();
        }
        events.end().unwrap();
        std::iter::from_fn(|| events.next()).collect()
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_was_cut() {
        let stream = "event: x\r\ndata: {\"a\":\"é🦉\"}\r\n\r\n: a comment\n\ndata:two\ndata: lines\n\n\
                      id: 7\nretry: 1\n\ndata: last";
        let expected = ["{\"a\":\"é🦉\"}", "two\nlines", "last"];
        assert_eq!(events(&[stream.as_bytes()]), expected);
        for cut in 1..stream.len() {
            let (a, b) = stream.as_bytes().split_at(cut);
            assert_eq!(events(&[a, b]), expected, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes), expected);
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_refused() {
        let bad = Events::default().push(b"data: \xff\n");
        assert_eq!(bad, Err(Failure::Broken("an event is not UTF-8".into())));
        let mut long = Events::default();
        let too_long = Err(Failure::TooLong { limit: EVENT_BYTES });
        assert_eq!(long.push(&vec![b'a'; EVENT_BYTES]), Ok(()));
        assert_eq!(long.push(b"a"), too_long);
        let mut lines = Events::default();
        let line = format!("data: {}\n", "x".repeat(EVENT_BYTES / 2));
        assert_eq!(lines.push(line.as_bytes()), Ok(()));
        assert_eq!(lines.push(line.as_bytes()), too_long);
    }
}
