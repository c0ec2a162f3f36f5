//! A setup code on its way to a device: the address that goes with it, the text that carries both,
//! and the URL under which a machine fetches that text once. docs/PROTOCOL.md (g).

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{NewCode, Service};
use crate::{
    domain::{
        ids::TokenHash,
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{Access, setup_code::CODES_MAX},
        time::UnixMillis,
    },
    ledger::record::Via,
    support::{
        entropy,
        gateway_url::GatewayUrl,
        keys, network,
        secret::{Secret, digest},
        setup_code::SetupCode,
    },
};

/// What to hand over.
#[derive(Debug, Clone, Default)]
pub struct HandoverOrder {
    /// What for. `None`: everything, or as much as the way there keeps private.
    pub access: Option<Access>,
    /// The address to put in, instead of one that the gateway knows.
    pub url: Option<GatewayUrl>,
    /// Whether the address of the host's own tools goes before the public one.
    pub prefer_remote: bool,
    /// Whether a join URL is wanted, under which a machine fetches the code.
    pub join: bool,
}

/// A setup code as a device is given it.
#[derive(Debug)]
pub struct Handover {
    /// The code.
    pub code: NewCode,
    /// The address in it.
    pub url: GatewayUrl,
    /// Where that address comes from: a place of the configuration, or the request.
    pub url_source: &'static str,
    /// Whether it is for less than everything because the way there is not private.
    pub downgraded: bool,
    /// The text that a device reads, by camera or keyboard.
    pub text: Secret<String>,
    /// Under which URL a machine fetches it, once.
    pub join_url: Option<Secret<String>>,
}

/// What waits under join URLs, by the hash of their codes. In memory alone: it holds secrets, and a
/// setup code whose URL was lost with a restart can be made anew.
pub(super) type Joins = Mutex<BTreeMap<TokenHash, Joinable>>;

pub(super) struct Joinable {
    payload: Secret<String>,
    until: UnixMillis,
}

impl Service {
    /// Makes a setup code and everything that a device needs to use it.
    ///
    /// # Errors
    /// If `who` may not, or there is no address that could be given to a device.
    pub async fn hand_over(
        &self,
        who: &Standing,
        via: Via,
        order: HandoverOrder,
    ) -> Result<Handover, Refusal> {
        permit::check(who, Operation::CreateCode)?;
        let (url, url_source) = self.address_for_clients(&order)?;
        if order.join && url.http("").is_none() {
            return Err(unfit(
                "a join URL needs a wss:// address, or a client on this machine; the setup code \
                 itself can be handed out all the same",
            ));
        }
        let downgraded = order.access.is_none() && !url.is_private();
        let most = if downgraded { Access::Limited } else { Access::Full };
        let code = self.create_code(who, via, order.access.unwrap_or(most)).await?;
        let until = code.until;
        let setup = SetupCode { url: &url, bootstrap_token: &code.secret, expires_at_ms: until.0 };
        let text = setup.text();
        let join_url = order.join.then(|| self.make_joinable(setup, until)).flatten();
        Ok(Handover { code, url, url_source, downgraded, text, join_url })
    }

    /// What waits under a join URL. It waits no longer once it was fetched.
    pub fn join(&self, code: &str) -> Option<Secret<String>> {
        let joinable = self.joins().remove(&TokenHash(digest(code.as_bytes())))?;
        let now = UnixMillis(self.0.steady.unix_millis());
        (now < joinable.until).then_some(joinable.payload)
    }

    fn make_joinable(&self, setup: SetupCode<'_>, until: UnixMillis) -> Option<Secret<String>> {
        let shortcode = Secret::new(keys::to_base64url(&entropy::bytes::<16>()));
        let join_url = setup.url.http(&format!("j/{}", shortcode.expose()))?;
        let mut joins = self.joins();
        let now = UnixMillis(self.0.steady.unix_millis());
        joins.retain(|_, joinable| now < joinable.until);
        while joins.len() >= CODES_MAX {
            let oldest = joins.iter().min_by_key(|(_, joinable)| joinable.until);
            let Some(hash) = oldest.map(|(hash, _)| *hash) else { break };
            joins.remove(&hash);
        }
        let hash = TokenHash(digest(shortcode.expose().as_bytes()));
        joins.insert(hash, Joinable { payload: setup.json(), until });
        Some(Secret::new(join_url))
    }

    fn joins(&self) -> MutexGuard<'_, BTreeMap<TokenHash, Joinable>> {
        self.0.joins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that goes into a setup code, and where it comes from, in the words of the real
    /// gateway.
    fn address_for_clients(
        &self,
        order: &HandoverOrder,
    ) -> Result<(GatewayUrl, &'static str), Refusal> {
        let info = self.info();
        let from = |url: &Option<GatewayUrl>, source| url.clone().map(|url| (url, source));
        let public = || from(&info.public_url, "gateway.publicUrl");
        let remote = || from(&info.remote_url, "gateway.remote.url");
        let known = match order.prefer_remote {
            true => remote().or_else(public),
            false => public().or_else(remote),
        };
        let chosen = from(&order.url, "request.publicUrl").or(known);
        let found = chosen.or_else(|| of_bind(info.address));
        let (url, source) = found.ok_or_else(|| {
            unfit("this host has no address that others could use; set gateway.publicUrl")
        })?;
        match url.may_carry_credentials() {
            true => Ok((url, source)),
            false => Err(unfit(
                "a setup code is a credential, and without TLS it may only go to this machine or \
                 to a private network; set gateway.publicUrl to a wss:// address",
            )),
        }
    }
}

fn unfit(why: &'static str) -> Refusal {
    Refusal::AddressUnfit { why }
}

/// The address that the gateway listens on, as others reach it.
fn of_bind(bound: SocketAddr) -> Option<(GatewayUrl, &'static str)> {
    let (address, source) = match bound.ip().to_canonical() {
        address if address.is_unspecified() => (network::outward_address()?, "gateway.bind=lan"),
        address if address.is_loopback() => (address, "gateway.bind=loopback"),
        address => (address, "gateway.bind=custom"),
    };
    GatewayUrl::of_socket(SocketAddr::new(address, bound.port())).map(|url| (url, source))
}
