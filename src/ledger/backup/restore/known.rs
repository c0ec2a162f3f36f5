//! What can be read of the ledger that is there. It may be damaged, so a copy is looked at: opening
//! a damaged store damages it more.

use std::{fs, io, ops::ControlFlow, path::Path};

use super::{beside, is_occupied, remove};
use crate::{
    domain::{Decider, Event, registry::Registry},
    ledger::{
        ahead,
        merkle::Hash,
        sled as embedded,
        store::{LogReader, Store},
        walk::Walker,
    },
    support::private_file,
};

/// As much of a ledger as can be trusted: the records before the first that is damaged.
pub(super) struct Old {
    walker: Walker,
    /// What they add up to.
    pub state: Registry,
    /// Whether that is all that it ever held, as far as it says itself.
    pub whole: bool,
}

impl Old {
    pub fn size(&self) -> u64 {
        self.walker.head().size()
    }

    /// The root when there were `size` records, if it has so many and was to remember it.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let head = self.walker.head();
        if size == head.size() { Some(head.root()) } else { self.walker.root_at(size) }
    }
}

/// The ledger in `dir`, with the roots at these sizes. `None` if there is none.
///
/// # Errors
/// If it cannot be copied.
pub(super) fn old(dir: &Path, sizes: &[u64]) -> io::Result<Option<Old>> {
    if !is_occupied(dir) {
        return Ok(None);
    }
    let copy = beside(dir, "copy");
    remove(&copy)?;
    copy_files(dir, &copy)?;
    let opened = embedded::open(&copy).ok();
    let unreadable = || Old { walker: Walker::default(), state: Registry::default(), whole: false };
    let old = opened.map_or_else(unreadable, |(store, _)| walk(&*store.reader(), sizes));
    remove(&copy)?;
    Ok(Some(old))
}

fn walk(log: &dyn LogReader, sizes: &[u64]) -> Old {
    let mut old = Old {
        walker: Walker::remembering(sizes.iter().copied()),
        state: Registry::default(),
        whole: false,
    };
    // What can be read until it cannot is what there is.
    let scanned = ahead::scan(log, 0, &mut |seq, value| match old.walker.step(seq, value) {
        Ok(record) => {
            let Event::Registry(event) = &record.event;
            old.state.apply(record.stamp(), event);
            ControlFlow::Continue(())
        }
        Err(_) => ControlFlow::Break(()),
    });
    let head = log.head().ok().map(Option::unwrap_or_default);
    let ends_well = head.is_some_and(|head| old.walker.compare(&head).is_ok());
    old.whole = scanned.is_ok() && ends_well;
    old
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    private_file::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_files(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
