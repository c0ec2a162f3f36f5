//! The account of the list of keys: what it gives, and what it takes back.

use super::{Bits, DEVICES, Gift, Holder, Lost, Role, Shadow};

impl Shadow {
    pub(super) fn by_list(&mut self, n: u8) {
        let Some((_, gift)) = self.list.filter(|(listed, _)| *listed == n) else { return };
        let claim = self.claims.get(&Holder::Operator(n)).cloned().unwrap_or_default();
        let by_people = claim.gifts.iter().any(|gift| gift.until.is_none() && !gift.listed);
        if !self.barred.contains(&n) && !by_people {
            self.asked.remove(&(n, Role::Operator));
            self.claims.entry(Holder::Operator(n)).or_default().give(gift, None, true);
        }
    }

    pub(super) fn keys(&mut self, list: Option<(u8, Bits)>) -> Lost {
        self.list = list;
        let mut lost = vec![];
        for n in 0..DEVICES {
            let listed = list.filter(|(listed, _)| *listed == n).map(|(_, bits)| bits);
            let claim = self.claims.get(&Holder::Operator(n));
            let mut gifts = claim.into_iter().flat_map(|claim| &claim.gifts);
            let strands =
                |gift: &Gift| gift.listed && listed.is_none_or(|bits| gift.base & !bits != 0);
            if gifts.any(strands) {
                lost.extend(self.lose(Holder::Operator(n)));
            }
        }
        lost
    }
}
