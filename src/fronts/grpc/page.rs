//! Pages of lists (AIP-158).
//!
//! Every row has a key that never changes and that the list is ordered by, so a token need only name
//! the last row of its page: whatever comes and goes meanwhile, the next page begins after it. A token
//! carries no authority; each page is asked for with the caller's own.

#[cfg(test)]
mod tests;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use prost::Message;

use super::error::{Failure, invalid, page_token_unfit};
use crate::support::secret::digest;

/// How many rows a page may have.
const ROWS_MAX: usize = 10_000;

/// How large a page may become, in bytes: stock clients read 4 MiB unless they are told otherwise.
const BYTES_MAX: usize = 3584 * 1024;

/// How many bytes of a token say for which list it is good.
const LIST_BYTES: usize = 8;

/// A page of a list, while it is filled.
pub(super) struct Page {
    list: [u8; LIST_BYTES],
    after: Option<Vec<u8>>,
    rows_left: usize,
    bytes_left: usize,
    last: Option<Vec<u8>>,
    more: bool,
}

impl Page {
    /// The page that was asked for. `list` names the list, `rest` is the request without its size and
    /// token.
    ///
    /// # Errors
    /// If the size is none, or the token is for another list, for other arguments, or none at all.
    pub fn of(list: &str, rest: &impl Message, size: i32, token: &str) -> Result<Self, Failure> {
        let size = usize::try_from(size).map_err(|_| invalid("page_size must not be negative"))?;
        let named = [list.as_bytes(), &[0], &rest.encode_to_vec()].concat();
        let list = *digest(&named).first_chunk().expect("a digest is longer");
        let after = if token.is_empty() { None } else { Some(read(token, list)?) };
        let rows_left = if size == 0 { ROWS_MAX } else { size.min(ROWS_MAX) };
        Ok(Self { list, after, rows_left, bytes_left: BYTES_MAX, last: None, more: false })
    }

    /// The rows of this page among `rows`, which are ordered by `key`. Where a list has several
    /// parts, the keys of the first come before those of the next.
    pub fn take<R, T: Message>(
        &mut self,
        rows: impl Iterator<Item = R>,
        key: impl Fn(&R) -> Vec<u8>,
        tell: impl Fn(R) -> T,
    ) -> Vec<T> {
        let mut taken = vec![];
        for row in rows {
            let key = key(&row);
            if self.after.as_ref().is_some_and(|after| key <= *after) {
                continue;
            }
            if self.more || self.rows_left == 0 {
                self.more = true;
                break;
            }
            let told = tell(row);
            let bytes = told.encoded_len() + 8;
            // One row alone is a page, however large.
            if bytes > self.bytes_left && self.last.is_some() {
                self.more = true;
                break;
            }
            self.rows_left -= 1;
            self.bytes_left = self.bytes_left.saturating_sub(bytes);
            self.last = Some(key);
            taken.push(told);
        }
        taken
    }

    /// Whether a token was given, so that this is not the first page.
    pub fn is_first(&self) -> bool {
        self.after.is_none()
    }

    /// The token of the next page; empty if there is none.
    pub fn next(self) -> String {
        match self.last.filter(|_| self.more) {
            Some(last) => BASE64_URL_SAFE_NO_PAD.encode([self.list.as_slice(), &last].concat()),
            None => String::new(),
        }
    }
}

fn read(token: &str, list: [u8; LIST_BYTES]) -> Result<Vec<u8>, Failure> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    bytes.strip_prefix(&list).map(<[u8]>::to_vec).ok_or_else(page_token_unfit)
}
