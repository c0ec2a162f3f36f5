//! Why an approval cannot be decided, or not like this.

use super::Refusal;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalFault {
    /// There is no such approval (any more).
    Unknown,
    /// It is over: the first answer won, or time did.
    Closed {
        /// `allowed`, `denied`, `expired` or `cancelled`.
        how: &'static str,
        /// Who decided, if somebody did.
        by: Option<String>,
    },
    /// Whoever asks cannot be answered like that.
    NotOffered {
        /// The answer.
        decision: &'static str,
        /// What can be answered.
        offered: Vec<&'static str>,
    },
}

impl From<ApprovalFault> for Refusal {
    fn from(fault: ApprovalFault) -> Self {
        Self::Approval(fault)
    }
}

impl ApprovalFault {
    /// The stable code; the first two are the protocol's words.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "APPROVAL_NOT_FOUND",
            Self::Closed { .. } => "APPROVAL_ALREADY_RESOLVED",
            Self::NotOffered { .. } => "DECISION_NOT_OFFERED",
        }
    }

    /// It in a sentence. Official clients know the beginnings of the first two.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unknown => "unknown or expired approval id".into(),
            Self::Closed { how, by: Some(by) } => {
                format!("approval already resolved: {how} by {by}")
            }
            Self::Closed { how, by: None } => format!("approval already resolved: {how}"),
            Self::NotOffered { decision, offered } => {
                format!(
                    "{decision} is unavailable for this approval; it takes {}",
                    offered.join(", ")
                )
            }
        }
    }

    pub(super) fn missing(&self) -> String {
        match self {
            Self::Unknown | Self::Closed { .. } => "an approval that waits".into(),
            Self::NotOffered { offered, .. } => format!("one of {}", offered.join(", ")),
        }
    }

    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown => "doorward approvals list",
            Self::Closed { .. } => "doorward approvals history",
            Self::NotOffered { .. } => {
                "doorward approvals show <id>  (it says what can be answered)"
            }
        }
    }
}
