//! Who calls: the host, by the kernel's word on the other end of the socket, or whoever holds the
//! credential that the call carries or the certificate that its connection proved (N3 A3.2).
//!
//! A credential takes the place of the host's authority, also for the host's own user, and never the
//! other way round: a call with a credential that is not good is refused.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tonic::{
    Request,
    codegen::http::{self, HeaderMap, header::AUTHORIZATION},
    transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo},
};
use tower::{BoxError, filter::AsyncPredicate};

use super::{
    error::{self, Failure, refused},
    open,
    tls::{self, Fingerprint},
};
use crate::{
    domain::{
        origin::Locality,
        principal::Standing,
        refusal::{IdentityFault, Refusal},
        registry::session::Session,
        scope::ScopeSet,
    },
    proto::REQUEST_ID,
    service::{self, Bearer, Live, Seen, Service, Transport, TrustedProxies, Via},
    support::secret::Secret,
};

/// The longest request id that is kept, in bytes; a UUID has 36.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Stands before every call, and lets nobody through whom it cannot name, except to what is [`open`].
#[derive(Clone)]
pub(super) struct Doorkeeper {
    own_uid: u32,
    /// Says what credentials are worth. None where only a ledger's files are read.
    service: Option<Service>,
    /// Which certificate stands for the service token of which name.
    clients: Arc<BTreeMap<Fingerprint, String>>,
}

/// What a call shows of its caller.
struct Claim {
    /// The user at the other end of a local socket.
    local: Option<Peer>,
    /// The client's address, if it comes over the network.
    remote: Option<service::Attribution>,
    bearer: Option<Secret<String>>,
    /// The certificate that the client proved to hold.
    certificate: Option<Fingerprint>,
    via: Via,
}

/// The kernel's word.
#[derive(Clone, Copy)]
struct Peer {
    uid: u32,
}

/// A caller that the doorkeeper let in.
#[derive(Clone)]
struct Caller {
    session: Session,
    seen: Seen,
    via: Via,
}

impl Doorkeeper {
    /// For the user that this process runs as.
    pub fn of_this_process(
        service: Option<Service>,
        clients: BTreeMap<Fingerprint, String>,
    ) -> Self {
        let own_uid = rustix::process::geteuid().as_raw();
        Self { own_uid, service, clients: Arc::new(clients) }
    }

    /// What a certificate stands for.
    fn certified(
        &self,
        certificate: &Fingerprint,
        from: &service::Attribution,
    ) -> Result<Session, Failure> {
        let name = self.clients.get(certificate);
        let (Some(name), Some(service)) = (name, &self.service) else {
            return Err(error::certificate_unknown(certificate));
        };
        service.certified(name, from.address, from.locality).map_err(|refusal| refused(&refusal))
    }

    async fn identify(&self, claim: Claim) -> Result<Caller, Failure> {
        let Claim { local, remote, bearer, certificate, via } = claim;
        let seen = remote.as_ref().map_or(Seen::AT_ADMIN_SOCKET, Seen::from);
        let session = match (bearer, &self.service, local, remote) {
            (Some(secret), Some(service), _, remote) => {
                // A peer of the local socket is on this machine, whatever its address would be.
                let here = IpAddr::from(Ipv4Addr::LOCALHOST);
                let (address, locality) = remote
                    .map_or((Some(here), Locality::DirectLoopback), |remote| {
                        (remote.address, remote.locality)
                    });
                let secret = Some(secret);
                let person = Err(Refusal::IdentityMissing(IdentityFault::Direct));
                let (origin, host, cap) = (None, None, None);
                let transport = via.transport;
                let bearer =
                    Bearer { transport, secret, cap, address, locality, person, origin, host };
                service.bearer(bearer).await.map_err(|refusal| refused(&refusal))?
            }
            (_, _, Some(peer), _) if is_host(peer.uid, self.own_uid) => Session {
                standing: Standing::host(peer.uid),
                asked: ScopeSet::empty(),
                cap: None,
                locality: Locality::DirectLoopback,
            },
            (_, _, Some(peer), _) => return Err(error::stranger(Some(peer.uid), self.own_uid)),
            (_, _, None, Some(from)) => match certificate {
                Some(certificate) => self.certified(&certificate, &from)?,
                None => return Err(error::bearer_required()),
            },
            (_, _, None, None) => return Err(error::stranger(None, self.own_uid)),
        };
        Ok(Caller { session, seen, via })
    }
}

impl<B: Send + 'static> AsyncPredicate<http::Request<B>> for Doorkeeper {
    type Future = BoxFuture<'static, Result<http::Request<B>, BoxError>>;
    type Request = http::Request<B>;

    fn check(&mut self, mut request: http::Request<B>) -> Self::Future {
        let doorkeeper = self.clone();
        Box::pin(async move {
            if open::is_open(request.uri().path()) {
                // Without a caller: what is open has nobody's authority.
                return Ok(request);
            }
            let caller = doorkeeper.identify(Claim::read(&request)?).await?;
            request.extensions_mut().insert(caller);
            Ok(request)
        })
    }
}

/// Whether a peer of this uid acts for the host: the gateway's own user could read and change its
/// state without asking, and so could root.
fn is_host(peer_uid: u32, own_uid: u32) -> bool {
    peer_uid == own_uid || peer_uid == 0
}

impl Claim {
    fn read<B>(request: &http::Request<B>) -> Result<Self, Failure> {
        let headers = request.headers();
        let named = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let mut via = Via {
            transport: Transport::AdminSocket,
            address: None,
            locality: Locality::DirectLoopback,
            connection: None,
            request: named.filter(|id| id.len() <= REQUEST_ID_BYTES_MAX).map(ToOwned::to_owned),
        };
        let (mut local, mut remote) = (None, None);
        if let Some(peer) = request.extensions().get::<UdsConnectInfo>() {
            // A process may hold several connections; its id is what can be looked up on the host.
            let pid = peer.peer_cred.and_then(|peer| peer.pid());
            via.connection = pid.map(|pid| format!("pid {pid}"));
            local = peer.peer_cred.map(|peer| Peer { uid: peer.uid() });
        }
        if let Some(peer) = request.extensions().get::<TcpConnectInfo>() {
            let address = peer.remote_addr;
            // No proxy is believed here: the admin API has no business behind one.
            let lines = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let peer = address.map(|address| address.ip());
            let said = TrustedProxies::default().attribute(peer, lines);
            let seen = said.map_err(|fault| error::not_attributable(&fault))?;
            via.transport = Transport::Grpc;
            via.address = seen.address.map(|address| address.to_string());
            via.locality = seen.locality;
            via.connection = address.map(|address| format!("tcp {address}"));
            remote = Some(seen);
        }
        let tls = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let certificate = tls.and_then(tls::shown);
        Ok(Self { local, remote, bearer: bearer(headers)?, certificate, via })
    }
}

/// The credential that a call carries. One that cannot be read is not taken for none.
fn bearer(headers: &HeaderMap) -> Result<Option<Secret<String>>, Failure> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| all.next().is_none());
    let secret = text.and_then(|text| {
        let (scheme, secret) = text.split_once(' ')?;
        let secret = secret.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty()).then_some(secret)
    });
    let secret = secret.ok_or_else(error::bearer_required)?;
    Ok(Some(Secret::new(secret.to_owned())))
}

/// What the caller of a request stands on, as of the moment when the call began.
///
/// # Errors
/// If the doorkeeper did not see it; then the server is put together wrongly and stays shut.
pub(super) fn standing<T>(request: &Request<T>) -> Result<Standing, Failure> {
    caller(request).map(|caller| caller.session.standing.clone())
}

/// The same for a stream, which outlives its request.
///
/// # Errors
/// As [`standing`].
pub(super) fn live<T>(request: &Request<T>) -> Result<Live, Failure> {
    caller(request).map(|caller| Live::new(caller.session.clone()))
}

/// Where the caller of a request was seen to come from, to tell it.
///
/// # Errors
/// As [`standing`].
pub(super) fn seen<T>(request: &Request<T>) -> Result<Seen, Failure> {
    caller(request).map(|caller| caller.seen)
}

/// From where a request came, for the record.
pub(super) fn via<T>(request: &Request<T>) -> Via {
    caller(request).map_or_else(|_| Via::internal(), |caller| caller.via.clone())
}

/// Who calls and from where, if the doorkeeper saw it.
pub(super) fn caller_of(extensions: &http::Extensions) -> Option<(Standing, Via)> {
    let caller: &Caller = extensions.get()?;
    Some((caller.session.standing.clone(), caller.via.clone()))
}

fn caller<T>(request: &Request<T>) -> Result<&Caller, Failure> {
    request.extensions().get().ok_or_else(error::no_doorkeeper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::principal::Principal;

    #[test]
    fn the_hosts_own_user_and_root_are_the_host() {
        for (peer, own, expected) in [
            (1000, 1000, true),
            (0, 1000, true),
            (0, 0, true),
            (1001, 1000, false),
            (1000, 0, false),
            (u32::MAX, 1000, false),
        ] {
            assert_eq!(is_host(peer, own), expected, "{peer} at a gateway of {own}");
        }
    }

    #[test]
    fn a_caller_that_nobody_vouches_for_stays_out() {
        let doorkeeper = Doorkeeper { own_uid: 0, service: None, clients: Arc::default() };
        let claim = |local, remote| {
            let via = Via::internal();
            futures_util::FutureExt::now_or_never(doorkeeper.identify(Claim {
                local,
                remote,
                bearer: None,
                certificate: None,
                via,
            }))
        };
        let here =
            TrustedProxies::default().attribute(Some(Ipv4Addr::LOCALHOST.into()), []).unwrap();
        for (local, remote, expected) in [
            (None, None, Some(tonic::Code::PermissionDenied)),
            (Some(Peer { uid: 7 }), None, Some(tonic::Code::PermissionDenied)),
            (None, Some(here), Some(tonic::Code::Unauthenticated)),
            (Some(Peer { uid: 0 }), None, None),
        ] {
            let outcome = claim(local, remote).unwrap();
            let code = outcome.as_ref().map_err(Failure::code).err();
            assert_eq!(code, expected);
            if let Ok(caller) = outcome {
                assert_eq!(caller.session.standing.principal, Principal::Host { uid: 0 });
            }
        }
        assert!(standing(&Request::new(())).is_err());
    }

    #[test]
    fn credentials_row_by_row() {
        for (values, expected) in [
            (&[][..], Ok(None)),
            (&["Bearer dwst_x"], Ok(Some("dwst_x"))),
            (&["bearer  dwst_x "], Ok(Some("dwst_x"))),
            (&["Bearer "], Err(())),
            (&["Bearer"], Err(())),
            (&[""], Err(())),
            (&["Basic eDp5"], Err(())),
            (&["Bearer a", "Bearer b"], Err(())),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            let read = bearer(&headers).map_err(|failure| {
                assert_eq!(failure.code(), tonic::Code::Unauthenticated, "{values:?}");
            });
            let read = read.map(|secret| secret.map(|secret| secret.expose().clone()));
            assert_eq!(read, expected.map(|secret| secret.map(str::to_owned)), "{values:?}");
        }
    }
}
