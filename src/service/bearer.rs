//! Bearer credentials: what a client without a device key holds, on HTTP and gRPC alike.

use std::net::IpAddr;

use super::{
    Arrival, Service, SharedSecret,
    authenticate::class_of,
    guard::{Caller, Client},
};
use crate::{
    domain::{
        ids::TokenHash,
        origin::{Locality, PageOrigin, check_page},
        principal::Principal,
        refusal::Refusal,
        registry::{
            CredentialClass, Registry,
            admit::{Admission, Credential, Knock, admit},
            session::Session,
        },
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::record::{Transport, Via},
    support::secret::{Secret, digest},
};

/// A client that presents a bearer credential, or none.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Over which door it came; a lockout that it fills says so.
    pub transport: Transport,
    /// The credential.
    pub secret: Option<Secret<String>>,
    /// What the request limits itself to, whatever is granted.
    pub cap: Option<ScopeSet>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Where it comes from.
    pub locality: Locality,
    /// The person whom a trusted proxy vouches for, or why there is none.
    pub person: Result<String, Refusal>,
    /// The page that the request comes from.
    pub origin: Option<String>,
    /// Its `Host`.
    pub host: Option<String>,
}

impl Bearer {
    /// An HTTP request with its credential.
    pub fn new(arrival: Arrival, secret: Option<Secret<String>>) -> Self {
        let Arrival { attribution, person, cap, origin, host } = arrival;
        let (address, locality) = (attribution.address, attribution.locality);
        let transport = Transport::Http;
        Self { transport, secret, cap, address, locality, person, origin, host }
    }
}

impl Service {
    /// What a bearer holds: all that its credential is worth here and now, under its own cap. A
    /// client that names no scopes gets what the credential has, so that the right credential never
    /// ends in a missing scope that nobody asked about (openclaw #57434).
    ///
    /// # Errors
    /// If the credential is missing where one is asked for, or wrong, or may not be tried now. Who
    /// gave many wrong ones waits for the answer.
    pub async fn bearer(&self, bearer: Bearer) -> Result<Session, Refusal> {
        let Bearer { transport, address, locality, .. } = bearer;
        let is_page = bearer.origin.is_some();
        let caller = self.caller(Client { paired: None, address, locality, is_page });
        let judged = self.judge_bearer(bearer, caller);
        if let Err(refusal) = &judged {
            let via = Via {
                transport,
                address: address.map(|address| address.to_string()),
                locality,
                connection: None,
                request: None,
            };
            self.settle(self.count(caller, refusal), via).await;
        }
        self.note_at_door(judged.as_ref().map(|session| &session.standing), transport, address);
        judged
    }

    /// What a client holds that proved, by its certificate, to be the one that a service token is for:
    /// what the token is worth here and now. Nobody can guess a signature, so nobody is locked out.
    ///
    /// # Errors
    /// If there is no such token in force, or not for that address.
    pub fn certified(
        &self,
        token_name: &str,
        address: Option<IpAddr>,
        locality: Locality,
    ) -> Result<Session, Refusal> {
        let state = self.0.registry.peek();
        let now = UnixMillis(self.0.steady.unix_millis());
        let token = state.vouched(token_name, address, now).map(Credential::ServiceToken);
        let judged = token.and_then(|token| self.admit_alone(&state, token, None, locality));
        let standing = judged.as_ref().map(|session| &session.standing);
        self.note_at_door(standing, Transport::Grpc, address);
        judged
    }

    fn judge_bearer(&self, bearer: Bearer, caller: Caller) -> Result<Session, Refusal> {
        let Bearer { transport, secret, cap, address, locality, person, origin, host } = bearer;
        let state = self.0.registry.peek();
        let shared = self.0.secrets.current();
        let class = secret.as_ref().map(class_of);
        class.map_or(Ok(()), |class| self.may_try(&state, caller, class))?;
        let credential = match (secret, shared.value()) {
            (Some(token), _) if class == Some(CredentialClass::ServiceToken) => {
                Credential::ServiceToken(self.present(&state, &token, address)?)
            }
            (Some(secret), Some((kind, _))) if self.0.secrets.prove(&state, &secret) => {
                Credential::Secret(kind)
            }
            (Some(secret), Some((kind, _))) => {
                // Looks at every device, so not where none could be found.
                let token = || TokenHash(digest(secret.expose().as_bytes()));
                let over_http = transport == Transport::Http;
                let device = over_http.then(|| state.bearer(token())).flatten();
                device
                    .map(Credential::DeviceBearer)
                    .ok_or(Refusal::SecretMismatch { kind, device_proven: false })?
            }
            (None, Some((kind, _))) => return Err(Refusal::SecretMissing(kind)),
            (_, None) => {
                // A browser adds these by itself, to what any page asks for: the page must be known.
                let page = origin.as_deref().map_or(PageOrigin::Absent, PageOrigin::Page);
                let allowed = &self.0.info.allowed_origins;
                check_page(page, host.as_deref(), locality, false, allowed)
                    .map_err(Refusal::OriginNotAllowed)?;
                match **shared {
                    SharedSecret::TrustedProxy => Credential::Person(person?),
                    _ => Credential::Open,
                }
            }
        };
        self.admit_alone(&state, credential, cap, locality)
    }

    /// Lets in who proved a credential, without a device, for all that it is worth.
    fn admit_alone(
        &self,
        state: &Registry,
        credential: Credential,
        cap: Option<ScopeSet>,
        locality: Locality,
    ) -> Result<Session, Refusal> {
        let asked = ScopeSet::empty();
        let knock = Knock {
            role: Role::Operator,
            scopes: &asked,
            device: None,
            credential,
            locality,
            cap: cap.as_ref(),
        };
        let Admission::Enter(standing) = admit(state, &knock)? else {
            return Err(Refusal::DeviceIdentityRequired);
        };
        if let Principal::Token(id) = standing.principal {
            self.note_use(id);
        }
        Ok(Session { standing, asked, cap, locality })
    }

    /// What a session stands on now; asked again whenever something was committed.
    ///
    /// # Errors
    /// If it stands on nothing any more.
    pub fn reassess(
        &self,
        session: &Session,
    ) -> Result<crate::domain::principal::Standing, Refusal> {
        self.0.registry.peek().reassess(session)
    }
}
