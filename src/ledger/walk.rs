//! One walk over the whole log: every hash, every link, every record, and where it first goes wrong.
//!
//! Opening and auditing both walk, so that what an audit calls sound is what a start accepts.

use std::fmt;

use super::{
    chain::{self, HeadState},
    codec,
    merkle::{Hash, leaf_hash},
    record::Record,
};

/// What is wrong with the first bad record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not there, and a later one is.
    Removed,
    /// Its bytes or its link are not what was written.
    Altered,
    /// Another record stands in its place.
    Reordered {
        /// The place that this record says it has.
        belongs_at: u64,
    },
    /// Its link is right and its bytes mean nothing.
    Undecodable(String),
    /// It is older than the record before.
    BackInTime,
    /// It and everything after it is gone, according to the head or a checkpoint.
    Truncated {
        /// How many records there were.
        expected_size: u64,
    },
    /// The head does not know of it.
    BeyondHead,
    /// The head is not what the records add up to.
    HeadDiffers,
    /// The records up to a signed size have another root than was signed.
    Rewritten {
        /// The signed size.
        signed_size: u64,
    },
    /// A checkpoint is not a checkpoint of this ledger.
    BadCheckpoint(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => f.write_str("it was removed"),
            Self::Altered => f.write_str("it was altered"),
            Self::Reordered { belongs_at } => {
                write!(f, "record {belongs_at} stands in its place")
            }
            Self::Undecodable(why) => write!(f, "it cannot be read: {why}"),
            Self::BackInTime => f.write_str("it is older than the record before it"),
            Self::Truncated { expected_size } => {
                write!(f, "the end is cut off: there were {expected_size} records")
            }
            Self::BeyondHead => f.write_str("it lies beyond the head of the ledger"),
            Self::HeadDiffers => {
                f.write_str("the head of the ledger does not belong to its records")
            }
            Self::Rewritten { signed_size } => {
                write!(f, "the first {signed_size} records are not those that were signed")
            }
            Self::BadCheckpoint(why) => write!(f, "a checkpoint is bad: {why}"),
        }
    }
}

/// Walks from the first record on, or from where somebody else vouches for what came before.
#[derive(Debug, Default)]
pub(super) struct Walker {
    began: u64,
    head: HeadState,
    marks: Vec<(u64, Hash)>,
    sizes: Vec<u64>,
}

impl Walker {
    /// A walker that remembers the roots of these sizes.
    pub(super) fn remembering(sizes: impl IntoIterator<Item = u64>) -> Self {
        Self::after(HeadState::default(), sizes)
    }

    /// One that goes on after the records that `head` sums up.
    pub(super) fn after(head: HeadState, sizes: impl IntoIterator<Item = u64>) -> Self {
        let (began, sizes, marks) = (head.size(), sizes.into_iter().collect(), Vec::new());
        let mut walker = Self { began, head, marks, sizes };
        walker.mark();
        walker
    }

    /// How many records it passed over unseen. Of their roots it knows nothing.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// Where it is.
    pub(super) fn head(&self) -> &HeadState {
        &self.head
    }

    /// The root when there were `size` records, if it was to be remembered and was passed.
    pub(super) fn root_at(&self, size: u64) -> Option<Hash> {
        self.marks.iter().find(|(marked, _)| *marked == size).map(|(_, root)| *root)
    }

    /// Takes the next stored value, which lies at `seq`.
    ///
    /// # Errors
    /// What is wrong with the record that should be next; the walk ends there.
    pub(super) fn step(&mut self, seq: u64, value: &[u8]) -> Result<Record, Fault> {
        let place = self.head.size();
        if seq != place {
            return Err(Fault::Removed);
        }
        let (link, bytes) = chain::split(value).ok_or(Fault::Altered)?;
        let leaf = leaf_hash(bytes);
        if self.head.link_of_next(&leaf) != *link {
            return Err(match codec::decode_record(bytes) {
                Ok(record) if record.seq.0 != place => {
                    Fault::Reordered { belongs_at: record.seq.0 }
                }
                _ => Fault::Altered,
            });
        }
        let record =
            codec::decode_record(bytes).map_err(|error| Fault::Undecodable(error.to_string()))?;
        if record.seq.0 != place {
            return Err(Fault::Reordered { belongs_at: record.seq.0 });
        }
        if record.at < self.head.time {
            return Err(Fault::BackInTime);
        }
        self.head.advance(*link, leaf, record.at);
        self.mark();
        Ok(record)
    }

    /// Compares with the stored head, once the walk is over.
    ///
    /// # Errors
    /// The first bad record and what is wrong with it.
    pub(super) fn compare(&self, stored: &HeadState) -> Result<(), (u64, Fault)> {
        let (walked, expected_size) = (self.head.size(), stored.size());
        if walked < expected_size {
            return Err((walked, Fault::Truncated { expected_size }));
        }
        if walked > expected_size {
            return Err((expected_size, Fault::BeyondHead));
        }
        if self.head != *stored {
            return Err((walked.saturating_sub(1), Fault::HeadDiffers));
        }
        Ok(())
    }

    fn mark(&mut self) {
        let size = self.head.size();
        if self.sizes.contains(&size) {
            self.marks.push((size, self.head.root()));
        }
    }
}
