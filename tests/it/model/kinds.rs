//! Every command of the registry by name. A new one does not compile until it stands here, and does
//! not pass until the exploration has carried it out.

use doorward::domain::registry::Command;

macro_rules! kinds {
    ($($variant:ident),+ $(,)?) => {
        /// The name of every command.
        pub const KINDS: &[&str] = &[$(stringify!($variant)),+];

        /// The name of this command.
        pub fn kind(command: &Command) -> &'static str {
            match command { $(Command::$variant { .. } => stringify!($variant)),+ }
        }
    };
}

kinds! {
    Start, RequestPairing, ApproveByRule, ApprovePairing, RejectPairing, ExpirePairing, IssueToken,
    ConfirmToken, Describe, NoteSeen, RotateToken, RevokeToken, RemoveDevice, RenameDevice,
    AssignCeiling, EndGrant, EndEnrolment, RotateSecret, CreateToken, RotateServiceToken,
    RevokeServiceToken, CreateCode, AdoptKeys, LockOut, ClearLockouts, Approval, NoteSession, ReleaseHeld,
}
