//! Which file a path names, and what is sent with it.
//!
//! A path is taken as it came: no name in such a directory needs an escape, so one with an escape
//! names no file, and neither does one with an empty name or one that begins with a dot. What is
//! left is resolved by the system, links and all, and must still lie in the directory.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use actix_files::NamedFile;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT_ENCODING, CACHE_CONTROL, ContentEncoding, HeaderValue, VARY},
};

use rustix::io::Errno;

use super::policy;

/// The page's own name.
const INDEX: &str = "index.html";

/// The largest page that is read, in bytes; the real one has 24 KiB, and its files are streamed.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// What a path names.
pub(super) enum Found {
    /// A file.
    File(Box<Asset>),
    /// The page, as it lies there.
    Page(String),
}

/// A file beside the page.
pub(super) struct Asset {
    file: NamedFile,
    keep: &'static str,
}

/// The encodings that a client takes, of those in which files may lie ready.
#[derive(Clone, Copy)]
pub(super) struct Accepted {
    brotli: bool,
    gzip: bool,
}

impl Accepted {
    /// What the request says (RFC 9110, section 12.5.3). One that is refused with `q=0` is not taken.
    pub fn of(request: &HttpRequest) -> Self {
        let header = request.headers().get(ACCEPT_ENCODING);
        let header = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let takes = |name: &str| {
            header.split(',').any(|one| {
                let (coding, quality) = one.split_once(';').unwrap_or((one, ""));
                let weight = quality.trim().strip_prefix("q=").map(str::parse::<f32>);
                coding.trim().eq_ignore_ascii_case(name) && weight != Some(Ok(0.0))
            })
        };
        Self { brotli: takes("br"), gzip: takes("gzip") }
    }
}

/// Looks a path up under `root`. One that names nothing is the page if `page_instead`, but for one
/// that looks like a file: a script that is missing must not be answered with HTML.
///
/// # Errors
/// If the directory or what lies in it cannot be read.
pub(super) fn find(
    root: &Path,
    path: &str,
    accepted: Accepted,
    page_instead: bool,
) -> io::Result<Option<Found>> {
    let root = fs::canonicalize(root)?;
    let is_page = path.is_empty() || path == INDEX;
    if !is_page && path.split('/').any(|name| name.starts_with('.')) {
        return Ok(None);
    }
    if !is_page && let Some(file) = inside(&root, path)? {
        return Asset::open(&root, path, &file, accepted)
            .map(|asset| Some(Found::File(Box::new(asset))));
    }
    let looks_like_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if !is_page && (looks_like_file || !page_instead) {
        return Ok(None);
    }
    let Some(index) = inside(&root, INDEX)? else { return Ok(None) };
    if fs::metadata(&index)?.len() > PAGE_BYTES_MAX {
        return Err(io::Error::other(format!("{INDEX} is larger than {PAGE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(index).map(|html| Some(Found::Page(html)))
}

/// The file that a path names, if it is one and lies within the root.
fn inside(root: &Path, path: &str) -> io::Result<Option<PathBuf>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '@');
    let is_name =
        |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
    if !path.split('/').all(is_name) {
        return Ok(None);
    }
    match fs::canonicalize(root.join(path)) {
        Ok(file) if is_shown(root, &file) && file.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if is_nothing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file lies within the root, and nothing on the way to it is hidden.
fn is_shown(root: &Path, file: &Path) -> bool {
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    file.strip_prefix(root).is_ok_and(|rest| !rest.iter().any(hidden))
}

/// Not there, or the path goes on below a file, or around in links, or is longer than any name.
fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
        || Errno::from_io_error(error) == Some(Errno::LOOP)
}

impl Asset {
    /// Opens it, or its ready compressed form if there is one that the client takes.
    fn open(root: &Path, path: &str, file: &Path, accepted: Accepted) -> io::Result<Self> {
        let ready = [
            (accepted.brotli, "br", ContentEncoding::Brotli),
            (accepted.gzip, "gz", ContentEncoding::Gzip),
        ];
        let keep = keep(path);
        for (takes, suffix, encoding) in ready {
            if takes && let Some(packed) = inside(root, &format!("{path}.{suffix}"))? {
                let named = NamedFile::from_file(fs::File::open(packed)?, path)?;
                return Ok(Self { file: named.set_content_encoding(encoding), keep });
            }
        }
        Ok(Self { file: NamedFile::from_file(fs::File::open(file)?, path)?, keep })
    }

    /// What stands in it.
    #[cfg(test)]
    pub fn text(&self) -> String {
        io::read_to_string(self.file.file()).unwrap()
    }

    /// The file, or that the client has it already.
    pub fn answer(self, request: &HttpRequest) -> HttpResponse {
        let mut answer = self.file.disable_content_disposition().into_response(request);
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.keep));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        policy::protect_answer(answer)
    }
}

/// How long a file may be kept: for good if its name changes with what is in it.
fn keep(path: &str) -> &'static str {
    const HASH_CHARS: usize = 8;
    let name = path.strip_prefix("assets/").unwrap_or_default();
    let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
    let hash = stem.get(stem.len().saturating_sub(HASH_CHARS + 1)..).unwrap_or_default();
    match hash.strip_prefix('-') {
        Some(hash) if hash.len() == HASH_CHARS => "public, max-age=31536000, immutable",
        _ => "no-cache",
    }
}
