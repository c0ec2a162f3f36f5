//! The account of what is held for review: whose, and who let them go.

use std::collections::BTreeSet;

use doorward::domain::{
    registry::{Access, Registry},
    scope::Role,
};

use super::{ADMIN, Action, Holder, Lost, Shadow, Who};
use crate::model::action::What;

/// Who is held, and whether the rules are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Held {
    holders: BTreeSet<Holder>,
    rules: bool,
}

impl Shadow {
    /// Everyone who is held.
    pub fn held(&self) -> impl Iterator<Item = Holder> {
        self.held.holders.iter().copied()
    }

    pub(super) fn is_held(&self, holder: Holder) -> bool {
        self.held.holders.contains(&holder)
    }

    pub(super) fn end_hold(&mut self, holder: Holder) {
        self.held.holders.remove(&holder);
    }

    /// Records are lost: everyone is held, and codes are over.
    pub fn hold_everyone(&mut self) {
        self.held.holders = self.claims.keys().copied().collect();
        self.held.rules = true;
        if let Some(code) = &mut self.code {
            code.used = true;
        }
    }

    /// Nothing is given to who is held, and no rule gives anything while the rules are.
    ///
    /// # Errors
    /// If something was.
    pub(super) fn may_be_given(&self, action: Action) -> Result<(), String> {
        let given_to = match action {
            Action::Approve(n, role, ..) => Some(Holder::device(n, role)),
            Action::Redeem(n, _) => {
                let is_node = self.code.is_some_and(|code| code.access == Access::Node);
                Some(Holder::device(n, if is_node { Role::Node } else { Role::Operator }))
            }
            _ => None,
        };
        let by_rule = matches!(action, Action::Local(..) | Action::Nearby(_) | Action::Listed(_));
        match given_to.filter(|holder| self.is_held(*holder)) {
            Some(holder) => Err(format!("{holder:?} is held and was given something")),
            None if by_rule && self.held.rules => Err("a rule that is held gave".into()),
            None => Ok(()),
        }
    }

    /// Whoever releases something gives it.
    pub(super) fn released(
        &mut self,
        before: &Registry,
        what: What,
        who: Who,
    ) -> Result<Lost, String> {
        let of = |holder: &Holder| what == What::All || what == What::Of(*holder);
        let freed: Vec<_> = self.held().filter(of).collect();
        for holder in &freed {
            let gifts = self.claims.get(holder).map(|claim| claim.gifts.clone());
            for gift in gifts.unwrap_or_default() {
                let is_node = matches!(holder, Holder::Node(_));
                let given = if is_node { ADMIN } else { gift.force };
                if given & !self.gives(before, who, gift.until) != 0 {
                    return Err(format!("{who:?} released {holder:?}, for longer than it may"));
                }
            }
        }
        let rules = self.held.rules && matches!(what, What::All | What::Rules);
        if rules && self.gives(before, who, None) & ADMIN == 0 {
            return Err(format!("{who:?} released the rules"));
        }
        freed.into_iter().for_each(|holder| self.end_hold(holder));
        self.held.rules &= !rules;
        Ok(vec![])
    }
}
