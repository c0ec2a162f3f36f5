//! What follows at the door once it is known what a client's proofs are worth: it enters, perhaps with
//! something to write first; a rule approves it; or its request is left for someone to decide.

use std::sync::Arc;

use super::{
    STALE_SEEN_MS, Service,
    authenticate::knock,
    connect::{Connect, Entered, Outcome},
    proof::Proven,
};
use crate::{
    actors::aggregate::Committed,
    domain::{
        ids::{DeviceId, RequestId, TokenHash},
        operation::Operation,
        permit,
        principal::{Principal, Standing},
        refusal::{PairingReason, PairingRequired, Refusal},
        registry::{
            Ask, Basis, Command, Profile, Registry, Renewal,
            admit::{Admission, Credential, admit},
            session::Session,
        },
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::record::{Transport, Via},
    support::{
        clock, entropy,
        secret::{Secret, digest},
    },
};

/// What has to be written before a granted client can enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Writing {
    /// It says something else about itself.
    describe: bool,
    /// It showed that it has its new token.
    confirm: Option<TokenHash>,
    /// It is due a token.
    issue: Option<Renewal>,
}

impl Service {
    /// Lets a granted client in; writes first if its token was not handed out yet or was replaced, or
    /// if what it says about itself has changed.
    pub(super) fn enter(
        &self,
        state: &Registry,
        standing: Standing,
        mut connect: Connect,
        method: &'static str,
    ) -> Outcome {
        let Principal::Device(id, role) = standing.principal else {
            if let Principal::Token(token) = standing.principal {
                self.note_use(token);
            }
            return Outcome::Entered(Box::new(let_in(state, standing, &connect, method)));
        };
        let presented = connect.auth.device_token.as_ref().or(connect.auth.token.as_ref());
        let presented = presented.map(|token| TokenHash(digest(token.expose().as_bytes())));
        let describe = state.device(id).is_some_and(|device| {
            keep_what_is_not_said(&device.profile, &mut connect.profile);
            news_about(&device.profile, &connect.profile)
        });
        self.note_visit(state, &standing, id, &connect);
        let Some(grant) = state.grant(id, role) else {
            return Outcome::Entered(Box::new(let_in(state, standing, &connect, method)));
        };
        let is_new = presented.is_some() && presented == grant.token.map(|token| token.hash);
        let writing = Writing {
            describe,
            confirm: presented.filter(|_| is_new && !grant.retired.is_empty()),
            issue: match grant.token {
                None => Some(Renewal::No),
                Some(_) => {
                    presented.filter(|presented| grant.is_retired(*presented)).map(Renewal::Retired)
                }
            },
        };
        if writing == Writing::default() {
            let issued_at = grant.token.map(|token| token.issued_at);
            let entered = let_in(state, standing, &connect, method);
            return Outcome::Entered(Box::new(Entered { issued_at, ..entered }));
        }
        let service = self.clone();
        Outcome::Later(Box::pin(async move {
            service.enter_writing(standing, id, connect, method, writing).await
        }))
    }

    async fn enter_writing(
        &self,
        standing: Standing,
        id: DeviceId,
        connect: Connect,
        method: &'static str,
        writing: Writing,
    ) -> Result<Entered, Refusal> {
        let via = via(&connect);
        let role = standing.role;
        if writing.describe {
            let permit = permit::authorize(&standing, Operation::DescribeDevice)?;
            let command = Command::Describe { profile: connect.profile.clone() };
            self.0.registry.execute(permit, command, via.clone()).await?;
        }
        if let Some(token) = writing.confirm {
            let permit = permit::authorize(&standing, Operation::ConfirmToken)?;
            let command = Command::ConfirmToken { role, token };
            self.0.registry.execute(permit, command, via.clone()).await?;
        }
        let (secret, token) = mint();
        if let Some(renewal) = writing.issue {
            let permit = permit::authorize(&standing, Operation::IssueToken)?;
            let command = Command::IssueToken { role, token, renewal };
            self.0.registry.execute(permit, command, via).await?;
        }
        let state = self.0.registry.peek();
        let entered = let_in(&state, standing, &connect, method);
        Ok(with_token(&state, entered, id, secret, token))
    }

    /// Notes, at most once a day, that a device was here. Nobody waits for that.
    fn note_visit(&self, state: &Registry, standing: &Standing, id: DeviceId, connect: &Connect) {
        let now = UnixMillis(clock::unix_millis());
        let fresh = |seen: UnixMillis| now < seen.plus(STALE_SEEN_MS);
        if state.device(id).is_none_or(|device| fresh(device.seen_at)) {
            return;
        }
        let Ok(permit) = permit::authorize(standing, Operation::DescribeDevice) else { return };
        let (registry, via) = (self.0.registry.clone(), via(connect));
        actix_rt::spawn(async move {
            if let Err(refusal) = registry.execute(permit, Command::NoteSeen, via).await {
                tracing::warn!(code = refusal.code(), "a device's visit was not noted");
            }
        });
    }

    /// Approves by rule where one covers it; otherwise leaves a request.
    ///
    /// What is true may change while the ledger writes: an approval may come in between, or the
    /// policy may end. So the last word is always another look at the committed state.
    pub(super) async fn pair(
        &self,
        connect: Connect,
        proven: Proven,
        credential: Credential,
        reason: PairingReason,
    ) -> Result<Entered, Refusal> {
        let ask = ask(&connect, &proven, &credential, reason);
        let via = via(&connect);
        let now = UnixMillis(self.0.steady.unix_millis());
        let basis = self.0.registry.peek().basis_for(&ask, now);
        // What decides by the address does not decide by one that could be made up here.
        let basis = basis.filter(|basis| *basis != Basis::TrustedCidr || !connect.forgeable);
        if let Some(basis) = basis {
            let (secret, committed) = self.approve_by_rule(ask.clone(), basis, via.clone()).await;
            match committed {
                Ok(Committed { state, .. }) => {
                    return self.look_again(&state, connect, &proven, credential, secret).await;
                }
                Err(Refusal::HostOnly) => {} // The rule covers it no longer: a person has to.
                Err(refusal) => return Err(refusal),
            }
        }
        let applicant = Standing::applicant(ask.device, ask.role);
        let permit = permit::authorize(&applicant, Operation::RequestPairing)?;
        let (device, role, scopes) = (ask.device, ask.role, ask.scopes.clone());
        let command = Command::RequestPairing(Box::new(ask));
        let state = self.0.registry.execute(permit, command, via).await?.state;
        let waiting = match admit(&state, &knock(&connect, Some(&proven), credential.clone()))? {
            Admission::Enter(_) => None,
            Admission::Pair(_) => state.request_of(device, role),
        };
        let Some((request_id, _)) = waiting else {
            let secret = entropy::token();
            return self.look_again(&state, connect, &proven, credential, secret).await;
        };
        self.0.registry.repeated(request_id);
        let known = state.device(device);
        let held = known.into_iter().flat_map(|device| device.grants.iter());
        Err(Refusal::PairingRequired(Box::new(PairingRequired {
            reason,
            request_id,
            device,
            role,
            scopes,
            approved_roles: held.clone().map(|(role, _)| *role).collect(),
            approved_scopes: held.flat_map(|(_, grant)| grant.scopes.iter()).collect(),
        })))
    }

    /// Approves an ask by rule. The secret is the device's token if the ledger took it.
    pub(super) async fn approve_by_rule(
        &self,
        ask: Ask,
        basis: Basis,
        via: Via,
    ) -> (Secret<String>, Result<Committed<Registry>, Refusal>) {
        let (secret, token) = mint();
        let approve = async {
            let rule = self.0.registry.peek().rule_standing(basis)?;
            let permit = permit::authorize(&rule, Operation::ApprovePairing)?;
            let now = UnixMillis(self.0.steady.unix_millis());
            let command = Command::ApproveByRule { ask: Box::new(ask), basis, token, now };
            self.0.registry.execute(permit, command, via).await
        };
        let approved = approve.await;
        (secret, approved)
    }

    /// Lets a client in that could not be let in before; `secret` is its token if the ledger took it.
    pub(super) async fn look_again(
        &self,
        state: &Arc<Registry>,
        connect: Connect,
        proven: &Proven,
        credential: Credential,
        secret: Secret<String>,
    ) -> Result<Entered, Refusal> {
        let method = credential.method();
        let admitted = admit(state, &knock(&connect, Some(proven), credential))?;
        let Admission::Enter(standing) = admitted else {
            return Err(Refusal::Unavailable { reason: "the grant changed", retry_after_ms: 250 });
        };
        let hash = TokenHash(digest(secret.expose().as_bytes()));
        let issued = state.grant(proven.id, standing.role).and_then(|grant| grant.token);
        if issued.is_some_and(|token| token.hash == hash) {
            let entered = let_in(state, standing, &connect, method);
            return Ok(with_token(state, entered, proven.id, secret, hash));
        }
        match self.enter(state, standing, connect, method) {
            Outcome::Entered(entered) => Ok(*entered),
            Outcome::Later(entered) => entered.await,
        }
    }
}

/// A new token, and what the ledger keeps of it.
pub(super) fn mint() -> (Secret<String>, TokenHash) {
    let secret = entropy::token();
    let hash = TokenHash(digest(secret.expose().as_bytes()));
    (secret, hash)
}

/// A client that enters on this, without a token.
fn let_in(
    state: &Registry,
    standing: Standing,
    connect: &Connect,
    method: &'static str,
) -> Entered {
    let asked = match standing.role {
        Role::Operator => connect.scope_set.clone(),
        Role::Node => ScopeSet::empty(),
    };
    let session = Session { standing, asked, cap: connect.cap.clone(), locality: connect.locality };
    let withheld = state.withheld(&session);
    Entered { session, method, withheld, device_token: None, issued_at: None, others: vec![] }
}

/// The token goes out only if the one that the ledger holds is the one that was minted here: two
/// connections may have raced for it.
fn with_token(
    state: &Registry,
    entered: Entered,
    id: DeviceId,
    secret: Secret<String>,
    hash: TokenHash,
) -> Entered {
    let role = entered.session.standing.role;
    let token = state.grant(id, role).and_then(|grant| grant.token);
    let is_ours = token.is_some_and(|token| token.hash == hash);
    Entered {
        device_token: is_ours.then_some(secret),
        issued_at: token.map(|token| token.issued_at),
        ..entered
    }
}

/// What a client asks for that has to be approved.
pub(super) fn ask(
    connect: &Connect,
    proven: &Proven,
    credential: &Credential,
    reason: PairingReason,
) -> Ask {
    Ask {
        request_id: RequestId(entropy::uuid().into_bytes()),
        device: proven.id,
        public_key: proven.key,
        role: connect.role,
        // A node asks for its role, not for scopes.
        scopes: match connect.role {
            Role::Operator => connect.scope_set.clone(),
            Role::Node => ScopeSet::empty(),
        },
        reason,
        profile: connect.profile.clone(),
        address: connect.address,
        secret: match credential {
            Credential::Secret(kind) => Some(*kind),
            _ => None,
        },
        locality: connect.locality,
    }
}

/// From where a connect request came.
pub(super) fn via(connect: &Connect) -> Via {
    Via {
        transport: Transport::WebSocket,
        address: connect.address.map(|address| address.to_string()),
        locality: connect.locality,
        connection: Some(connect.connection.clone()),
        request: Some(connect.request.clone()),
    }
}

/// Whether a device says something new about itself. Other programs of the same device (a probe
/// beside its CLI) do not change how the device is known.
fn news_about(known: &Profile, now: &Profile) -> bool {
    let same_program = known.client_id == now.client_id && known.client_mode == now.client_mode;
    same_program && known != now
}

/// A device that does not name its family or itself this time has not changed them.
fn keep_what_is_not_said(known: &Profile, now: &mut Profile) {
    if now.device_family.is_none() {
        now.device_family.clone_from(&known.device_family);
    }
    if now.display_name.is_none() {
        now.display_name.clone_from(&known.display_name);
    }
}
