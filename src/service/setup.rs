//! Setup codes: made here, redeemed at the door.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Service;
use crate::{
    domain::{
        ids::{CodeId, DeviceId, Seq, TokenHash},
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{Access, Command, setup_code::CODE_TTL_MS},
        time::UnixMillis,
    },
    ledger::record::Via,
    support::{
        entropy, network,
        secret::{Secret, digest},
    },
};

/// A setup code with its secret, which is shown this once.
#[derive(Debug)]
pub struct NewCode {
    /// Its id.
    pub id: CodeId,
    /// The secret, which a client presents as its bootstrap token.
    pub secret: Secret<String>,
    /// What for.
    pub access: Access,
    /// When it ends.
    pub until: UnixMillis,
    /// The record of it.
    pub seq: Seq,
}

/// What became of a setup code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupStatus {
    /// What for.
    pub access: Access,
    /// When it ends.
    pub until: UnixMillis,
    /// Who redeemed it, by which name, and when.
    pub redeemed: Option<(DeviceId, Option<String>, UnixMillis)>,
}

impl Service {
    /// Makes a setup code, good for ten minutes and one device.
    ///
    /// # Errors
    /// If `who` may not.
    pub async fn create_code(
        &self,
        who: &Standing,
        via: Via,
        access: Access,
    ) -> Result<NewCode, Refusal> {
        let permit = permit::authorize(who, Operation::CreateCode)?;
        let secret = entropy::token();
        let code = TokenHash(digest(secret.expose().as_bytes()));
        let id = CodeId(entropy::uuid().into_bytes());
        let until = UnixMillis(self.0.steady.unix_millis()).plus(CODE_TTL_MS);
        let command = Command::CreateCode { id, code, access, until };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let (stamp, _) = committed.events.first().ok_or(Refusal::UnknownCode)?;
        Ok(NewCode { id, secret, access, until, seq: stamp.seq })
    }

    /// Where clients may find the gateway, likeliest first. It cannot know which of them they reach.
    pub fn gateway_urls(&self) -> Vec<String> {
        let info = &self.0.info;
        let known = info.public_url.iter().chain(&info.remote_url).map(ToString::to_string);
        let found = urls(info.address, network::outward_address(), &info.host);
        known.chain(found).collect()
    }

    /// What became of a setup code.
    ///
    /// # Errors
    /// If `who` may not know, or there is no such code.
    pub fn setup_status(&self, who: &Standing, id: CodeId) -> Result<SetupStatus, Refusal> {
        permit::check(who, Operation::ReadCode)?;
        let state = self.0.registry.peek();
        let code = state.setup_code(id).ok_or(Refusal::UnknownCode)?;
        let redeemed = code.redeemed.map(|(device, stamp)| {
            let name = state.device(device).and_then(|known| known.profile.display_name.clone());
            (device, name, stamp.at)
        });
        Ok(SetupStatus { access: code.access, until: code.until, redeemed })
    }
}

fn urls(bound: SocketAddr, outward: Option<IpAddr>, host: &str) -> Vec<String> {
    let url = |address: IpAddr| format!("ws://{}", SocketAddr::new(address, bound.port()));
    if !bound.ip().is_unspecified() {
        return vec![url(bound.ip())];
    }
    let loopback =
        if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let named = (!host.is_empty()).then(|| format!("ws://{host}:{}", bound.port()));
    outward.map(url).into_iter().chain(named).chain([url(loopback)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_row_by_row() {
        for (bound, outward, host, expected) in [
            ("127.0.0.1:1", Some("192.0.2.7"), "box", &["ws://127.0.0.1:1"][..]),
            ("192.0.2.7:1", Some("192.0.2.8"), "box", &["ws://192.0.2.7:1"]),
            ("[::1]:1", None, "box", &["ws://[::1]:1"]),
            (
                "0.0.0.0:1",
                Some("192.0.2.7"),
                "box",
                &["ws://192.0.2.7:1", "ws://box:1", "ws://127.0.0.1:1"],
            ),
            ("0.0.0.0:1", None, "", &["ws://127.0.0.1:1"]),
            ("[::]:1", Some("2001:db8::7"), "", &["ws://[2001:db8::7]:1", "ws://[::1]:1"]),
        ] {
            let outward = outward.map(|address| address.parse().unwrap());
            assert_eq!(urls(bound.parse().unwrap(), outward, host), expected, "{bound}");
        }
    }
}
