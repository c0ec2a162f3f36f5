//! What an event is called, and whom it is about: the same words in every answer, filter and export.

use super::{Event, approvals, hold::Item};
use crate::domain::{
    ids::{DeviceId, TokenId},
    principal::Subject,
    scope::Role,
};

impl Event {
    /// Every name that [`Self::kind`] gives, in the order of the ledger's own numbers.
    pub const KINDS: &[&str] = &[
        "ledger_begun",
        "policy_adopted",
        "pairing_requested",
        "pairing_superseded",
        "pairing_approved",
        "pairing_rejected",
        "pairing_expired",
        "token_issued",
        "device_described",
        "token_confirmed",
        "device_seen",
        "token_rotated",
        "grant_revoked",
        "device_removed",
        "device_renamed",
        "grant_expired",
        "ceiling_assigned",
        "secret_adopted",
        "service_token_created",
        "service_token_rotated",
        "service_token_revoked",
        "service_token_expired",
        "setup_code_created",
        "setup_code_redeemed",
        "keys_adopted",
        "locked_out",
        "lockout_cleared",
        "ledger_recovered",
        "ledger_restored",
        "approval_requested",
        "approval_decided",
        "approval_expired",
        "approval_withdrawn",
        "session_deleted",
        "session_reset",
        "review_begun",
        "review_ended",
    ];

    /// Its name; `proto/doorward/admin/v1/ledger.proto` says what each means.
    pub fn kind(&self) -> &'static str {
        Self::KINDS[self.number()]
    }

    fn number(&self) -> usize {
        match self {
            Self::Begun { .. } => 0,
            Self::PolicyAdopted(_) => 1,
            Self::PairingRequested { .. } => 2,
            Self::PairingSuperseded { .. } => 3,
            Self::PairingApproved(_) => 4,
            Self::PairingRejected { .. } => 5,
            Self::PairingExpired { .. } => 6,
            Self::TokenIssued { .. } => 7,
            Self::DeviceDescribed { .. } => 8,
            Self::TokenConfirmed { .. } => 9,
            Self::DeviceSeen { .. } => 10,
            Self::TokenRotated { .. } => 11,
            Self::GrantRevoked { .. } => 12,
            Self::DeviceRemoved { .. } => 13,
            Self::DeviceRenamed { .. } => 14,
            Self::GrantExpired { .. } => 15,
            Self::CeilingAssigned { .. } => 16,
            Self::SecretAdopted { .. } => 17,
            Self::ServiceTokenCreated { .. } => 18,
            Self::ServiceTokenRotated { .. } => 19,
            Self::ServiceTokenRevoked { .. } => 20,
            Self::ServiceTokenExpired { .. } => 21,
            Self::CodeCreated { .. } => 22,
            Self::CodeRedeemed { .. } => 23,
            Self::KeysAdopted(_) => 24,
            Self::LockedOut { .. } => 25,
            Self::LockoutCleared { .. } => 26,
            Self::Recovered { .. } => 27,
            Self::Restored { .. } => 28,
            Self::Approval(approvals::Event::Requested(_)) => 29,
            Self::Approval(approvals::Event::Decided { .. }) => 30,
            Self::Approval(approvals::Event::Expired { .. }) => 31,
            Self::Approval(approvals::Event::Withdrawn { .. }) => 32,
            Self::SessionDeleted(_) => 33,
            Self::SessionReset(_) => 34,
            Self::ReviewBegun { .. } => 35,
            Self::ReviewEnded { .. } => 36,
        }
    }

    /// The device that it is about, if it is about one, and the role where it is about one alone.
    pub fn device(&self) -> Option<(DeviceId, Option<Role>)> {
        match self {
            Self::PairingRequested { device, role, .. }
            | Self::PairingRejected { device, role, .. }
            | Self::PairingExpired { device, role, .. }
            | Self::TokenIssued { device, role, .. }
            | Self::TokenConfirmed { device, role }
            | Self::TokenRotated { device, role, .. }
            | Self::GrantRevoked { device, role, .. }
            | Self::GrantExpired { device, role, .. }
            | Self::ReviewEnded { item: Item::Device(device, role) }
            | Self::CeilingAssigned { subject: Subject::Device(device, role), .. } => {
                Some((*device, Some(*role)))
            }
            Self::PairingApproved(approval) => Some((approval.device, Some(approval.role))),
            Self::PairingSuperseded { device, .. }
            | Self::DeviceDescribed { device, .. }
            | Self::DeviceSeen { device }
            | Self::DeviceRemoved { device, .. }
            | Self::DeviceRenamed { device, .. }
            | Self::CodeRedeemed { device, .. } => Some((*device, None)),
            _ => None,
        }
    }

    /// The service token that it is about, if it is about one.
    pub fn service_token(&self) -> Option<TokenId> {
        match self {
            Self::ServiceTokenCreated { id, .. }
            | Self::ServiceTokenRotated { id, .. }
            | Self::ServiceTokenRevoked { id, .. }
            | Self::ServiceTokenExpired { id }
            | Self::ReviewEnded { item: Item::Token(id) }
            | Self::CeilingAssigned { subject: Subject::Token(id), .. } => Some(*id),
            _ => None,
        }
    }
}
