//! How a command ends: an exit code that means something, and words that help.

use tonic::{Code, metadata::MetadataMap};

use crate::proto::refusal;

/// The exit status of the process; `main` hands it to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatusCode(pub u8);

impl ExitStatusCode {
    /// Done.
    pub const OK: Self = Self(0);
    /// Nothing to do, only a preview, or a warning that was asked to count.
    pub const NOT_DONE: Self = Self(1);
    /// The command line is wrong.
    pub const USAGE: Self = Self(2);
    /// The caller lacks the authority.
    pub const REFUSED: Self = Self(3);
    /// The gateway cannot be reached.
    pub const UNREACHABLE: Self = Self(4);
    /// The ledger is broken.
    pub const BROKEN: Self = Self(5);
    /// doorward itself failed (EX_SOFTWARE of sysexits.h).
    pub const INTERNAL: Self = Self(70);
}

/// Why a command did not do what it was asked, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// With which code to exit.
    pub exit: ExitStatusCode,
    /// What happened, in one line.
    pub what: String,
    /// What can be done.
    pub advice: Box<Advice>,
}

/// What is known about the way on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advice {
    /// The stable code of a refusal.
    pub code: Option<String>,
    /// What is missing.
    pub missing: Option<String>,
    /// Who can grant it.
    pub grantors: Option<String>,
    /// What to run, or to do.
    pub remedy: Option<String>,
}

impl Trouble {
    /// Trouble with no more to say than this.
    pub fn new(exit: ExitStatusCode, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), advice: Box::default() }
    }

    /// Adds what to run.
    #[must_use]
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.advice.remedy = Some(command.into());
        self
    }

    /// Nobody is left to read what is printed, as in `doorward audit log | head`. That is how the
    /// reader wants it, so nothing is said and nothing is wrong.
    pub fn reader_is_gone() -> Self {
        Self::new(ExitStatusCode::OK, "")
    }

    /// What the gateway answered instead of doing it.
    pub fn from_call(code: Code, message: &str, metadata: &MetadataMap) -> Self {
        let said = |key| metadata.get(key).and_then(|value| value.to_str().ok()).map(Into::into);
        let advice = Advice {
            code: said(refusal::CODE),
            missing: said(refusal::MISSING),
            grantors: said(refusal::GRANTORS),
            remedy: said(refusal::REMEDY),
        };
        let what = if message.is_empty() { code.description() } else { message };
        Self { exit: exit_code(code), what: what.into(), advice: Box::new(advice) }
    }

    /// The same as the end of a connection: the gateway went away in the middle of a call.
    pub fn of_a_connection(self) -> Self {
        let what = format!("the gateway went away: {}", self.what);
        Self { exit: ExitStatusCode::UNREACHABLE, what, ..self }
    }
}

fn exit_code(code: Code) -> ExitStatusCode {
    match code {
        Code::Ok => ExitStatusCode::OK,
        Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted
        | Code::FailedPrecondition
        | Code::ResourceExhausted => ExitStatusCode::NOT_DONE,
        Code::InvalidArgument | Code::OutOfRange => ExitStatusCode::USAGE,
        Code::PermissionDenied | Code::Unauthenticated => ExitStatusCode::REFUSED,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => ExitStatusCode::UNREACHABLE,
        Code::DataLoss => ExitStatusCode::BROKEN,
        Code::Unknown | Code::Unimplemented | Code::Internal => ExitStatusCode::INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_all_that_it_said() {
        let mut metadata = MetadataMap::new();
        metadata.insert(refusal::CODE, "MISSING_SCOPE".parse().unwrap());
        metadata.insert(refusal::MISSING, "scope operator.admin".parse().unwrap());
        metadata.insert(refusal::GRANTORS, "the gateway host".parse().unwrap());
        metadata.insert(refusal::REMEDY, "doorward devices list".parse().unwrap());
        let trouble = Trouble::from_call(Code::PermissionDenied, "no", &metadata);
        assert_eq!(trouble.exit, ExitStatusCode::REFUSED);
        assert_eq!(trouble.advice.code.as_deref(), Some("MISSING_SCOPE"));
        assert_eq!(trouble.advice.missing.as_deref(), Some("scope operator.admin"));
        assert_eq!(trouble.advice.grantors.as_deref(), Some("the gateway host"));
        assert_eq!(trouble.advice.remedy.as_deref(), Some("doorward devices list"));
    }

    #[test]
    fn codes_row_by_row() {
        for (code, expected) in [
            (Code::Ok, 0),
            (Code::NotFound, 1),
            (Code::Aborted, 1),
            (Code::FailedPrecondition, 1),
            (Code::ResourceExhausted, 1),
            (Code::InvalidArgument, 2),
            (Code::OutOfRange, 2),
            (Code::PermissionDenied, 3),
            (Code::Unauthenticated, 3),
            (Code::Unavailable, 4),
            (Code::DeadlineExceeded, 4),
            (Code::DataLoss, 5),
            (Code::Internal, 70),
        ] {
            assert_eq!(exit_code(code), ExitStatusCode(expected), "{code:?}");
        }
    }
}
