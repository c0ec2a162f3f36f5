//! Who is at the other end of the socket: the kernel says, and nobody else is asked.

use tonic::{Request, service::Interceptor, transport::server::UdsConnectInfo};

use super::error::{self, Failure};
use crate::{
    domain::{origin::Locality, principal::Standing, registry::session::Session, scope::ScopeSet},
    proto::REQUEST_ID,
    service::{Live, Transport, Via},
};

/// The longest request id that is kept, in bytes; a UUID has 36.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Stands before every call: lets the host's own user and root in, and nobody else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doorkeeper {
    own_uid: u32,
}

impl Doorkeeper {
    /// For the user that this process runs as.
    pub fn of_this_process() -> Self {
        Self { own_uid: rustix::process::geteuid().as_raw() }
    }
}

/// Whether a peer of this uid acts for the host: the gateway's own user could read and change its
/// state without asking, and so could root.
fn is_host(peer_uid: u32, own_uid: u32) -> bool {
    peer_uid == own_uid || peer_uid == 0
}

impl Interceptor for Doorkeeper {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Failure> {
        let peer = request.extensions().get::<UdsConnectInfo>();
        let Some(credentials) = peer.and_then(|peer| peer.peer_cred) else {
            return Err(error::stranger(None, self.own_uid));
        };
        if !is_host(credentials.uid(), self.own_uid) {
            return Err(error::stranger(Some(credentials.uid()), self.own_uid));
        }
        let caller = Caller { uid: credentials.uid(), pid: credentials.pid() };
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

/// A caller that the doorkeeper let in.
#[derive(Debug, Clone, Copy)]
struct Caller {
    uid: u32,
    pid: Option<i32>,
}

/// What the caller of a request stands on.
///
/// # Errors
/// If the doorkeeper did not see it; then the server is put together wrongly and stays shut.
pub(super) fn standing<T>(request: &Request<T>) -> Result<Standing, Failure> {
    let caller = request.extensions().get::<Caller>().ok_or_else(error::no_doorkeeper)?;
    Ok(Standing::host(caller.uid))
}

/// The same for a stream, which outlives its request.
///
/// # Errors
/// As [`standing`].
pub(super) fn live<T>(request: &Request<T>) -> Result<Live, Failure> {
    let (standing, locality) = (standing(request)?, Locality::DirectLoopback);
    Ok(Live::new(Session { standing, asked: ScopeSet::empty(), cap: None, locality }))
}

/// From where a request came, for the record. A process may hold several connections; its id is
/// what can be looked up on the host.
pub(super) fn via<T>(request: &Request<T>) -> Via {
    let caller = request.extensions().get::<Caller>();
    let pid = caller.and_then(|caller| caller.pid);
    let named = request.metadata().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    Via {
        transport: Transport::AdminSocket,
        address: None,
        locality: Locality::DirectLoopback,
        connection: pid.map(|pid| format!("pid {pid}")),
        request: named.filter(|id| id.len() <= REQUEST_ID_BYTES_MAX).map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_caller_that_the_kernel_does_not_vouch_for_stays_out() {
        let mut doorkeeper = Doorkeeper { own_uid: 0 };
        assert_eq!(
            doorkeeper.call(Request::new(())).unwrap_err().code(),
            tonic::Code::PermissionDenied
        );
        assert!(standing(&Request::new(())).is_err());
    }
}
