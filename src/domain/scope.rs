//! Roles and scopes: what a permission is, and which one satisfies which.
//!
//! Source of the rules: the protocol's operator-scope document. `operator.admin` satisfies every
//! `operator.*`; `operator.write` satisfies reading, talking and the session scopes;
//! `operator.read` and `operator.sessions.write` satisfy reading sessions; anything unknown needs
//! an exact match or admin.

use std::{collections::BTreeSet, fmt};

/// What kind of client a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Controls the gateway: a CLI, a console, an automation.
    Operator,
    /// Offers capabilities: a phone, a headless machine.
    Node,
}

impl Role {
    /// The wire name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Node => "node",
        }
    }

    /// Reads the wire name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Operator, Self::Node].into_iter().find(|role| role.name() == text)
    }
}

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A scope that this version knows.
    Known(Known),
    /// A scope of a later version or of a plugin; it only ever matches itself (or admin).
    Other(String),
}

macro_rules! known_scopes {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// The scopes of the published protocol, and doorward's own `operator.audit`: reading the
        /// ledger and nothing else (N17 A17.3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is documented by its wire name below")]
        pub enum Known { $($variant),+ }

        impl Known {
            /// Every known scope, in canonical order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The wire name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

known_scopes! {
    Admin = "operator.admin",
    Read = "operator.read",
    Write = "operator.write",
    Approvals = "operator.approvals",
    Pairing = "operator.pairing",
    Questions = "operator.questions",
    Talk = "operator.talk",
    TalkSecrets = "operator.talk.secrets",
    SessionsRead = "operator.sessions.read",
    SessionsWrite = "operator.sessions.write",
    SessionsArchive = "operator.sessions.archive",
    Audit = "operator.audit",
}

impl Known {
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The bits of every known scope that holding this one satisfies, itself included.
    const fn satisfied_bits(self) -> u16 {
        let sessions_read = Self::SessionsRead.bit();
        match self {
            Self::Admin => u16::MAX,
            Self::Write => {
                Self::Write.bit()
                    | Self::Read.bit()
                    | Self::Talk.bit()
                    | Self::SessionsWrite.bit()
                    | Self::SessionsArchive.bit()
                    | sessions_read
            }
            Self::Read | Self::SessionsWrite => self.bit() | sessions_read,
            _ => self.bit(),
        }
    }
}

impl Scope {
    /// The longest scope name that is accepted, in bytes; the longest known one has 25.
    pub const NAME_BYTES_MAX: usize = 64;

    /// Reads a scope name. `None` if it is empty, too long, or has anything else than lowercase
    /// letters, digits, `.`, `-`, `_` and `:`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(known) = Known::ALL.iter().find(|known| known.name() == text) {
            return Some(Self::Known(*known));
        }
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:".contains(&byte)
        };
        let fits = !text.is_empty() && text.len() <= Self::NAME_BYTES_MAX;
        (fits && text.bytes().all(plain)).then(|| Self::Other(text.to_owned()))
    }

    /// The wire name.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(known) => known.name(),
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Known> for Scope {
    fn from(known: Known) -> Self {
        Self::Known(known)
    }
}

/// A set of scopes: bits for the known ones, so that the check on every call is one AND.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ScopeSet {
    known: u16,
    other: BTreeSet<String>,
}

impl ScopeSet {
    /// The most scopes that one set may hold; a request with more is refused at the edge.
    pub const LEN_MAX: usize = 32;

    /// The empty set.
    pub const fn empty() -> Self {
        Self { known: 0, other: BTreeSet::new() }
    }

    /// Everything that an operator of this version can hold.
    pub fn full_operator() -> Self {
        use Known::*;
        [Admin, Read, Write, Approvals, Pairing, Questions, Talk, TalkSecrets].into_iter().collect()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.known == 0 && self.other.is_empty()
    }

    /// How many scopes are in it.
    pub fn len(&self) -> usize {
        self.known.count_ones() as usize + self.other.len()
    }

    /// Adds one scope.
    pub fn insert(&mut self, scope: Scope) {
        match scope {
            Scope::Known(known) => self.known |= known.bit(),
            Scope::Other(name) => {
                self.other.insert(name);
            }
        }
    }

    /// The scopes, known ones first, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        let known = Known::ALL.iter().filter(|known| self.known & known.bit() != 0);
        known.map(|known| Scope::Known(*known)).chain(self.other.iter().cloned().map(Scope::Other))
    }

    /// Whether this exact scope is in it, implications aside.
    pub fn names(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Known(known) => self.known & known.bit() != 0,
            Scope::Other(name) => self.other.contains(name),
        }
    }

    /// Whether holding this set is enough where `scope` is required.
    pub fn satisfies(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Known(known) => self.satisfies_known(*known),
            Scope::Other(name) => {
                self.other.contains(name)
                    || (self.known & Known::Admin.bit() != 0 && name.starts_with("operator."))
            }
        }
    }

    /// [`Self::satisfies`] for a known scope; this is the check of every call.
    pub fn satisfies_known(&self, required: Known) -> bool {
        self.satisfied_bits() & required.bit() != 0
    }

    fn satisfied_bits(&self) -> u16 {
        if self.known & Known::Admin.bit() != 0 {
            return u16::MAX;
        }
        let held = Known::ALL.iter().filter(|known| self.known & known.bit() != 0);
        held.fold(0, |bits, known| bits | known.satisfied_bits())
    }

    /// Whether holding this set is enough wherever any scope of `other` is required.
    pub fn covers(&self, other: &Self) -> bool {
        self.first_missing(other).is_none()
    }

    /// The first scope of `required` that this set does not satisfy.
    pub fn first_missing(&self, required: &Self) -> Option<Scope> {
        required.iter().find(|scope| !self.satisfies(scope))
    }

    /// What a client gets of this grant when it asks for `asked`, aware of implication: asking for
    /// admin where read and write are granted gives read and write, asking for read where admin is
    /// granted gives read. It satisfies exactly what both satisfy (N17 A17.1).
    pub fn narrowed_to(&self, asked: &Self) -> Self {
        let (covered, beyond): (Self, Self) = {
            let (covered, beyond): (Vec<_>, Vec<_>) =
                asked.iter().partition(|scope| self.satisfies(scope));
            (covered.into_iter().collect(), beyond.into_iter().collect())
        };
        let mut both: Self =
            covered.iter().chain(self.iter().filter(|scope| beyond.satisfies(scope))).collect();
        // What each of them implies and neither names: sessions.read, of read and sessions.write.
        both.known |= self.satisfied_bits() & asked.satisfied_bits() & !both.satisfied_bits();
        both
    }

    /// What of it `held` does not satisfy.
    pub fn beyond(&self, held: &Self) -> Self {
        self.iter().filter(|scope| !held.satisfies(scope)).collect()
    }

    /// Everything in either.
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::empty();
        scopes.into_iter().for_each(|scope| set.insert(scope));
        set
    }
}

impl FromIterator<Known> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Known>>(scopes: I) -> Self {
        scopes.into_iter().map(Scope::Known).collect()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("(none)");
        }
        for (index, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &str) -> ScopeSet {
        names.split_whitespace().map(|name| Scope::parse(name).unwrap()).collect()
    }

    #[test]
    fn what_satisfies_what() {
        for (held, required, expected) in [
            ("operator.admin", "operator.read", true),
            ("operator.admin", "operator.talk.secrets", true),
            ("operator.admin", "operator.future", true),
            ("operator.admin", "plugin.scope", false),
            ("operator.write", "operator.read", true),
            ("operator.write", "operator.talk", true),
            ("operator.write", "operator.sessions.archive", true),
            ("operator.write", "operator.pairing", false),
            ("operator.write", "operator.talk.secrets", false),
            ("operator.read", "operator.write", false),
            ("operator.read", "operator.sessions.read", true),
            ("operator.sessions.write", "operator.sessions.read", true),
            ("operator.future", "operator.future", true),
            ("operator.future", "operator.future2", false),
            ("", "operator.read", false),
        ] {
            let required = Scope::parse(required).unwrap();
            assert_eq!(set(held).satisfies(&required), expected, "{held:?} for {required}");
        }
    }

    #[test]
    fn narrowing_is_aware_of_implication() {
        for (granted, requested, expected) in [
            ("operator.read operator.write", "operator.admin", "operator.read operator.write"),
            ("operator.admin", "operator.read", "operator.read"),
            ("operator.read", "operator.write", "operator.read"),
            ("operator.read operator.write", "operator.write", "operator.write"),
            ("operator.read", "operator.pairing", ""),
            ("operator.admin", "operator.future", "operator.future"),
            // Implied by both and named by neither.
            ("operator.read", "operator.sessions.write", "operator.sessions.read"),
            ("operator.write", "operator.read operator.talk", "operator.read operator.talk"),
            ("operator.read", "", ""),
        ] {
            let narrowed = set(granted).narrowed_to(&set(requested));
            assert_eq!(narrowed, set(expected), "{granted} asked for {requested}");
        }
    }

    #[test]
    fn names_are_bounded_and_plain() {
        for (name, accepted) in [
            ("operator.read", true),
            ("operator.x-y_z:1", true),
            ("", false),
            ("Operator.Read", false),
            ("operator read", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(Scope::parse(name).is_some(), accepted, "{name:?}");
        }
    }
}
