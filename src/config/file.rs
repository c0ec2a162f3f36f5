//! Finds, reads and parses the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Overrides,
    env::Env,
    findings::Report,
    lines::{Lines, MAX_DEPTH},
    reader::Document,
    redact::redact,
};
use crate::support::secret::digest;

/// The file's name within the state directory.
const FILE_NAME: &str = "doorward.json";

/// The largest file that is read, in bytes. Real ones stay far under 100 KiB; a path that leads
/// to a log or a device by mistake must not fill the memory.
const MAX_BYTES: usize = 1 << 20;

/// The configuration file as it was found, fit to be shown.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// What stands in it, with `"__OPENCLAW_REDACTED__"` in the place of every value at a
    /// secret-looking key; an empty object if there is no file.
    pub redacted: Value,
    /// SHA-256 of the file's bytes in lowercase hex; of no bytes if there is no file.
    pub hash: String,
}

/// A path, and whether somebody asked for it by name, so that it must exist.
pub(super) struct Location {
    path: PathBuf,
    required: bool,
}

/// Where the file is: `--config`, `DOORWARD_CONFIG` or the state directory.
pub(super) fn locate(env: &Env, overrides: &Overrides, state: Option<&Path>) -> Option<Location> {
    let named = overrides.config.clone().or_else(|| env.path("DOORWARD_CONFIG"));
    let required = named.is_some();
    let path = named.or_else(|| Some(state?.join(FILE_NAME)))?;
    Some(Location { path, required })
}

/// Reads and parses the file; `None` if that failed, with the reason in the report.
pub(super) fn read(location: &Location, report: &mut Report) -> Option<(ConfigFile, Document)> {
    let path = &location.path;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut document = Document { name, value: Value::Null, lines: Lines::default() };
    let bytes = match read_bytes(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !location.required => None,
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            report.error(&document.place(""), message);
            return None;
        }
    };
    document.value = Value::Object(serde_json::Map::new());
    if let Some(bytes) = &bytes {
        parse(bytes, &mut document, report)?;
    }
    let file = ConfigFile {
        path: path.clone(),
        exists: bytes.is_some(),
        redacted: redact(&document.value),
        hash: hex(&digest(bytes.as_deref().unwrap_or_default())),
    };
    Some((file, document))
}

/// The bytes of the file, up to one more than [`MAX_BYTES`].
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(fs::File::open(path)?, MAX_BYTES as u64 + 1),
        &mut bytes,
    )?;
    Ok(bytes)
}

/// Fills in the document's value and lines.
fn parse(bytes: &[u8], document: &mut Document, report: &mut Report) -> Option<()> {
    let mut refuse = |line: Option<usize>, message: String| {
        let mut place = document.place("");
        place.line = line;
        report.error(&place, message);
        None
    };
    if bytes.len() > MAX_BYTES {
        return refuse(None, format!("is larger than {MAX_BYTES} bytes"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = &bytes[..error.valid_up_to()];
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
            return refuse(Some(line), String::from("is not valid UTF-8"));
        }
    };
    let lines = Lines::of(text);
    if lines.too_deep.is_some() {
        return refuse(lines.too_deep, format!("is nested deeper than {MAX_DEPTH} levels"));
    }
    match json5::from_str(text) {
        Ok(value) => document.value = value,
        Err(error) => {
            let (line, message) = syntax_error(&error, text);
            return refuse(Some(line), message);
        }
    }
    document.lines = lines;
    for (path, _) in &document.lines.repeated {
        report.warn(&document.place(path), "written more than once; this last one counts");
    }
    Some(())
}

/// The line of a syntax error, and its message with the column. The parser gives no position
/// where the text ends too early: that is the position of its end.
fn syntax_error(error: &json5::Error, text: &str) -> (usize, String) {
    let at = error.position().unwrap_or_else(|| json5::Position::from_offset(text.len(), text));
    let shown = error.to_string();
    let what = shown.strip_suffix(&format!(" at {at}")).unwrap_or(&shown);
    (at.line + 1, format!("column {}: not valid JSON5: {what}", at.column + 1))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
