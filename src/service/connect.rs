//! A client at the door: what it says, and what comes of it.

use std::net::IpAddr;

use futures_util::future::LocalBoxFuture;

use super::proof::{Challenge, DeviceClaim};
use crate::{
    domain::{
        origin::Locality,
        refusal::Refusal,
        registry::{Profile, narrowing::Withheld, session::Session},
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    support::secret::Secret,
};

/// What a client presents, as sent.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    /// `auth.token`
    pub token: Option<Secret<String>>,
    /// `auth.deviceToken`
    pub device_token: Option<Secret<String>>,
    /// `auth.bootstrapToken`
    pub bootstrap_token: Option<Secret<String>>,
    /// `auth.password`
    pub password: Option<Secret<String>>,
}

/// One client at the door.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The role it wants.
    pub role: Role,
    /// The scopes it wants, in the order sent: the signature covers that order.
    pub scopes: Vec<String>,
    /// The same, as a set.
    pub scope_set: ScopeSet,
    /// What it says about itself.
    pub profile: Profile,
    /// Its device, if it has one.
    pub device: Option<DeviceClaim>,
    /// What it presents.
    pub auth: Presented,
    /// What it was challenged with.
    pub challenge: Challenge,
    /// The page that opened the connection.
    pub origin: Option<String>,
    /// The request's `Host`.
    pub host: Option<String>,
    /// Whether it says that it is the browser console.
    pub claims_console: bool,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Whether any process of this machine could have made that address up.
    pub forgeable: bool,
    /// Where it comes from.
    pub locality: Locality,
    /// The person whom a trusted proxy vouches for, or why there is none.
    pub person: Result<String, Refusal>,
    /// What the request limits itself to, whatever is granted.
    pub cap: Option<ScopeSet>,
    /// The connection's name in the ledger.
    pub connection: String,
    /// The client's id of this request.
    pub request: String,
}

/// A client that was let in.
#[derive(Debug)]
pub struct Entered {
    /// What it stands on, and what that is worked out from.
    pub session: Session,
    /// How it proved itself, as `hello-ok.auth.method` says it.
    pub method: &'static str,
    /// What it asked for and may not use.
    pub withheld: Vec<Withheld>,
    /// Its token, if this is the moment to hand it out.
    pub device_token: Option<Secret<String>>,
    /// When its token was handed out.
    pub issued_at: Option<UnixMillis>,
    /// What its device was given in other roles with this knock.
    pub others: Vec<RoleToken>,
}

/// A device's token in a role.
#[derive(Debug)]
pub struct RoleToken {
    /// The role.
    pub role: Role,
    /// The token.
    pub secret: Secret<String>,
    /// What it is worth.
    pub scopes: ScopeSet,
    /// When it was handed out.
    pub issued_at: UnixMillis,
}

/// Let in at once, or after something was written.
pub enum Outcome {
    /// At once.
    Entered(Box<Entered>),
    /// Something has to be made durable first.
    Later(LocalBoxFuture<'static, Result<Entered, Refusal>>),
}
