//! Whom someone means by an id, the beginning of one, or a name (N12).
//!
//! A whole id means whoever has it, whatever others call themselves. A name comes before a beginning:
//! people choose names so as to be understood. A device comes before a service token.

use std::fmt::Display;

use super::Registry;
use crate::domain::{
    ids::{DeviceId, TokenId},
    principal::Subject,
    scope::Role,
};

/// The fewest characters of an id that are taken for it.
pub const PREFIX_MIN: usize = 4;

/// Why nobody is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    /// It is nobody's name, and too short to be the beginning of an id.
    Short,
    /// Nobody has such a name or id.
    Nobody,
    /// It could mean so many.
    Several(usize),
}

/// Among whom to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Devices, then service tokens; then those that are gone.
    Everyone,
    /// The paired devices.
    Devices,
    /// The service tokens that there are.
    Tokens,
}

impl Registry {
    /// Whom of those that there are someone means.
    ///
    /// # Errors
    /// If it is nobody, or could be several.
    pub fn called(&self, who: &str, among: Among) -> Result<Subject, Unclear> {
        match among {
            Among::Devices => self.device_called(who),
            Among::Tokens => self.token_called(who),
            Among::Everyone => {
                // The device is the one that nobody of either kind is told about.
                self.device_called(who).or_else(|no| self.token_called(who).map_err(|_| no))
            }
        }
    }

    fn device_called(&self, who: &str) -> Result<Subject, Unclear> {
        let whole = DeviceId::parse(&who.to_ascii_lowercase());
        let id = match whole.filter(|id| self.device(*id).is_some()) {
            Some(id) => id,
            None => choose(self.devices(), who, |device| {
                let names = [device.label.as_deref(), device.profile.display_name.as_deref()];
                names.into_iter().flatten()
            })?,
        };
        let role = self.device(id).and_then(|device| device.grants.keys().next().copied());
        Ok(Subject::Device(id, role.unwrap_or(Role::Operator)))
    }

    fn token_called(&self, who: &str) -> Result<Subject, Unclear> {
        let whole = TokenId::parse(who).filter(|id| self.service_token(*id).is_some());
        let id = match whole {
            Some(id) => id,
            None => choose(self.service_tokens(), who, |token| [token.name.as_str()].into_iter())?,
        };
        Ok(Subject::Token(id))
    }
}

/// The one among `known`, each an id with its names, that `who` is the name or the beginning of.
///
/// # Errors
/// If it is none, or several.
pub fn choose<'a, I: Copy + Display, K: 'a, N: Iterator<Item = &'a str>>(
    known: impl Iterator<Item = (I, &'a K)>,
    who: &str,
    names: impl Fn(&'a K) -> N,
) -> Result<I, Unclear> {
    let (name, prefix) = (who.to_lowercase(), who.to_ascii_lowercase());
    let long_enough = who.len() >= PREFIX_MIN;
    let (mut by_name, mut by_prefix) = (vec![], vec![]);
    for (id, one) in known {
        if names(one).any(|one| one.to_lowercase() == name) {
            by_name.push(id);
        } else if long_enough && by_name.is_empty() && id.to_string().starts_with(&prefix) {
            by_prefix.push(id);
        }
    }
    let found = if by_name.is_empty() { by_prefix } else { by_name };
    match found.as_slice() {
        [one] => Ok(*one),
        [] if !long_enough => Err(Unclear::Short),
        [] => Err(Unclear::Nobody),
        several => Err(Unclear::Several(several.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_or_a_name_means_one_or_none() {
        let known = [
            ("3f2a91c4-aaaa", "Kitchen"),
            ("3f2b0000-bbbb", "3f2a"),
            ("99990000-cccc", "Phone"),
            ("99991111-dddd", "phone"),
        ];
        let chosen = |who: &str| {
            choose(known.iter().map(|(id, name)| (*id, name)), who, |name| [*name].into_iter())
        };
        for (who, expected) in [
            ("3f2a9", Ok("3f2a91c4-aaaa")),
            ("3F2B", Ok("3f2b0000-bbbb")),
            ("kitchen", Ok("3f2a91c4-aaaa")),
            ("3f2a", Ok("3f2b0000-bbbb")),
            ("99990", Ok("99990000-cccc")),
            ("3f2", Err(Unclear::Short)),
            ("9999", Err(Unclear::Several(2))),
            ("Phone", Err(Unclear::Several(2))),
            ("abcd", Err(Unclear::Nobody)),
        ] {
            assert_eq!(chosen(who), expected, "{who}");
        }
    }
}
