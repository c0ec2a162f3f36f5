//! The names of the files, and nothing else as a name: what a caller asks for is parsed into a
//! [`Resource`], and only a resource has a path.
//!
//! ```text
//! checkpoint
//! tile/<level>/<index>[.p/<width>]
//! tile/entries/<index>[.p/<width>]
//! ```
//!
//! An index has three digits in each part, and all parts but the last begin with `x`: 1234067 is
//! `x001/x234/067`. Source: C2SP `tlog-tiles`.

use super::WIDTH;

/// The deepest level that a tree of 2^64 leaves has tiles at.
const LEVEL_MAX: u32 = 7;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Hashes: at level 0 of leaves, above it of full tiles one level below.
    Hashes(u32),
    /// Records.
    Entries,
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The newest published checkpoint.
    Checkpoint,
    /// A tile or a bundle.
    Tile {
        /// Of what.
        content: Content,
        /// Its place among its like.
        index: u64,
        /// How many hashes or entries; 256 is a full one.
        width: u64,
    },
}

impl Resource {
    /// A tile of hashes or a bundle of entries.
    pub fn tile(content: Content, index: u64, width: u64) -> Self {
        Self::Tile { content, index, width }
    }

    /// What this relative path names. `None` unless it is spelled in the one way that it has.
    pub fn parse(path: &str) -> Option<Self> {
        if path == super::CHECKPOINT {
            return Some(Self::Checkpoint);
        }
        let (content, place) = path.strip_prefix("tile/")?.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            level => {
                Content::Hashes(number(level).filter(|level| *level <= LEVEL_MAX.into())? as u32)
            }
        };
        let (index, width) = match place.split_once(".p/") {
            None => (place, WIDTH),
            Some((index, width)) => (index, number(width).filter(|w| (1..WIDTH).contains(w))?),
        };
        let parsed = Self::tile(content, parse_index(index)?, width);
        // The last word on zeros, signs and parts too many.
        (parsed.path() == path).then_some(parsed)
    }

    /// Its relative path.
    pub fn path(&self) -> String {
        match *self {
            Self::Checkpoint => super::CHECKPOINT.into(),
            Self::Tile { content, index, width } => {
                let content = match content {
                    Content::Hashes(level) => level.to_string(),
                    Content::Entries => "entries".into(),
                };
                let partial = if width < WIDTH { format!(".p/{width}") } else { String::new() };
                format!("tile/{content}/{}{partial}", index_path(index))
            }
        }
    }

    /// How many records there must be for it to exist. A checkpoint says that itself.
    pub fn records(&self) -> u64 {
        match *self {
            Self::Checkpoint => 0,
            Self::Tile { content, index, width } => {
                let level = match content {
                    Content::Hashes(level) => level,
                    Content::Entries => 0,
                };
                let hashes = index.saturating_mul(WIDTH).saturating_add(width);
                hashes.saturating_mul(span(level))
            }
        }
    }
}

/// How many leaves are under one hash of this level.
pub fn span(level: u32) -> u64 {
    WIDTH.saturating_pow(level)
}

fn index_path(index: u64) -> String {
    let (rest, last) = (index / 1000, format!("{:03}", index % 1000));
    if rest == 0 { last } else { format!("{}/{last}", parents(rest)) }
}

fn parents(index: u64) -> String {
    let (rest, last) = (index / 1000, format!("x{:03}", index % 1000));
    if rest == 0 { last } else { format!("{}/{last}", parents(rest)) }
}

fn parse_index(text: &str) -> Option<u64> {
    text.split('/').try_fold(0u64, |index, part| {
        let digits = part.strip_prefix('x').unwrap_or(part);
        let fits = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let digits = fits.then(|| digits.parse::<u64>().ok()).flatten()?;
        index.checked_mul(1000)?.checked_add(digits)
    })
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
