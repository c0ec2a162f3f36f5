//! TLS of the network's way in, and who is known by a certificate.
//!
//! A client may show a certificate that one of the configured authorities signed. It stands for a
//! service token, by its fingerprint: what the client holds is what that token holds at that moment.

use std::{collections::BTreeMap, io, time::Duration};

use sha2::{Digest as _, Sha256};
use tonic::transport::{
    Certificate, Identity, Server, ServerTlsConfig,
    server::{TcpConnectInfo, TlsConnectInfo},
};

use crate::support::secret::Secret;

/// A client has so long for its part of the handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// The SHA-256 of a certificate in DER.
pub(super) type Fingerprint = [u8; 32];

/// What a TLS listener needs, read and found good.
#[derive(Clone)]
pub struct Tls {
    pub(super) config: ServerTlsConfig,
    pub(super) clients: BTreeMap<Fingerprint, String>,
}

impl Tls {
    /// From PEM texts: the certificate chain and its key, and the authorities of clients; and which
    /// certificate stands for the service token of which name.
    ///
    /// # Errors
    /// If one of them is not what it should be, or the key does not belong to the certificate.
    pub fn new(
        chain: &str,
        key: &Secret<String>,
        client_ca: Option<&str>,
        clients: BTreeMap<[u8; 32], String>,
    ) -> io::Result<Self> {
        let identity = Identity::from_pem(chain, key.expose());
        let mut config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_DEADLINE);
        if let Some(authorities) = client_ca {
            // Optional: a bearer is as good as a certificate.
            config = config
                .client_ca_root(Certificate::from_pem(authorities))
                .client_auth_optional(true);
        }
        Server::builder().tls_config(config.clone()).map_err(io::Error::other)?;
        Ok(Self { config, clients })
    }
}

/// The fingerprint of the certificate that a client proved to hold.
pub(super) fn shown(info: &TlsConnectInfo<TcpConnectInfo>) -> Option<Fingerprint> {
    let chain = info.peer_certs()?;
    chain.first().map(|own| Sha256::digest(own).into())
}
