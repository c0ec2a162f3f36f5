//! Which sessions a client wants to hear of.

use std::{cell::RefCell, collections::BTreeSet};

use super::limits;
use crate::{
    domain::talk::SessionKey,
    service::{Fact, News, TalkNews},
};

/// What one connection asked for.
#[derive(Debug, Default)]
pub struct Subscriptions(RefCell<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    all: bool,
    keys: BTreeSet<SessionKey>,
}

impl Subscriptions {
    /// Everything about every session.
    pub fn to_all(&self) {
        self.0.borrow_mut().all = true;
    }

    /// What is said in this session. `false` if there are too many already.
    pub fn to(&self, key: SessionKey) -> bool {
        let keys = &mut self.0.borrow_mut().keys;
        if keys.len() >= limits::SUBSCRIPTIONS_MAX && !keys.contains(&key) {
            return false;
        }
        keys.insert(key);
        true
    }

    /// Not that session any more.
    pub fn drop_one(&self, key: &SessionKey) {
        self.0.borrow_mut().keys.remove(key);
    }

    /// Whether a piece of news is wanted. What runs say goes to everybody who may read, as the real
    /// gateway has it; what is kept goes to those who asked. docs/PROTOCOL.md (e).
    pub fn want(&self, news: &News) -> bool {
        let wanted = self.0.borrow();
        match &news.fact {
            Fact::Talk(TalkNews::Said { session, .. }) => {
                wanted.all || wanted.keys.contains(&session.key)
            }
            Fact::Talk(TalkNews::Changed { .. } | TalkNews::Deleted(_)) => wanted.all,
            _ => true,
        }
    }
}
