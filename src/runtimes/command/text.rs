//! Text of a program's output, which comes in pieces that end anywhere.

/// Makes text of bytes. What is no UTF-8 becomes U+FFFD, and line ends at the end are held back.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The beginning of a character.
    rest: Vec<u8>,
    /// Line ends that may be the last ones.
    held: String,
}

impl Decoder {
    /// The text that is complete with these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let whole = whole(&self.rest);
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        self.rest.drain(..whole);
        self.hold(text)
    }

    /// What is left at the end, without the line ends.
    pub fn end(&mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        let text = String::from_utf8_lossy(&rest).into_owned();
        self.hold(text)
    }

    fn hold(&mut self, text: String) -> String {
        let all = std::mem::take(&mut self.held) + &text;
        let end = all.trim_end_matches(['\r', '\n']).len();
        self.held = all[end..].to_owned();
        all[..end].to_owned()
    }
}

/// How many of the bytes are not the beginning of a character that is still coming.
fn whole(bytes: &[u8]) -> usize {
    // A character has four bytes at most.
    let tail = bytes.len().saturating_sub(3);
    for start in tail..bytes.len() {
        let begun = std::str::from_utf8(&bytes[start..]);
        let is_lead = bytes[start] >= 0xC0;
        if is_lead
            && begun.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        {
            return start;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&[u8]]) -> String {
        let mut decoder = Decoder::default();
        let mut text: String = pieces.iter().map(|piece| decoder.push(piece)).collect();
        text += &decoder.end();
        text
    }

    #[test]
    fn text_is_the_same_wherever_it_was_cut() {
        let text = "é🦉\nü €\n\nend";
        let printed = format!("{text}\r\n\n");
        for cut in 0..printed.len() {
            let (a, b) = printed.as_bytes().split_at(cut);
            assert_eq!(decoded(&[a, b]), text, "cut at {cut}");
        }
        let single: Vec<&[u8]> = printed.as_bytes().chunks(1).collect();
        assert_eq!(decoded(&single), text);
    }

    #[test]
    fn what_is_no_text_is_shown_as_such() {
        assert_eq!(decoded(&[b"a\xffb", b"\xe2\x82"]), "a\u{fffd}b\u{fffd}");
        assert_eq!(decoded(&[b"a\x80\x80\x80\x80\n"]), "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn nothing_is_held_back_but_the_end() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"one\n"), "one");
        assert_eq!(decoder.push(b"two"), "\ntwo");
    }
}
