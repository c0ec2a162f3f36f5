//! Approving by rule: nobody has to be there, and the record names the rule.
//!
//! A rule never undoes a person's word: a device that was turned down, revoked or removed waits for
//! a person, and while the rules are held for review everyone does. Only a setup code overrides that, because a person made it for this.

use super::{
    Access, ApprovedBy, Ask, Basis, Event, Grant, Registry,
    approve::{Offer, held_afterwards},
    hold::Item,
    service_token, session,
};
use crate::domain::{
    ids::TokenHash,
    operation::Operation,
    origin::Locality,
    permit::Permit,
    principal::{Principal, Rule, Standing},
    refusal::{CodeFault, PairingReason, Refusal},
    scope::{Known, Role, ScopeSet},
    time::UnixMillis,
};

/// Approves an ask by rule, within what the rule holds.
///
/// The token goes out with the grant, in one batch: a fresh device costs one sync.
pub(super) fn approve(
    state: &Registry,
    permit: &Permit,
    ask: Ask,
    basis: Basis,
    token: TokenHash,
    now: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ApprovePairing)?;
    if *permit.principal() != Principal::System(basis.rule()) {
        return Err(Refusal::HostOnly);
    }
    state.covered(&ask, basis, now)?;
    if let Basis::SetupCode(code) = basis
        && state.code(code).is_none_or(|code| code.seq != permit.standing().grant)
    {
        return Err(Refusal::GrantEnded);
    }
    let (device, role) = (ask.device, ask.role);
    let held = state.grant(device, role);
    let has_token = held.is_some_and(|grant| grant.token.is_some());
    let redeems = matches!(basis, Basis::SetupCode(_));
    if !redeems && (state.already_grants(&ask) || given_for_good(held, &ask)) && has_token {
        return Ok(vec![]);
    }
    let mut events = vec![];
    if let Basis::SetupCode(code) = basis {
        let id = *state.code_by_hash.get(&code).ok_or(Refusal::SetupCode(CodeFault::Unknown))?;
        let address = ask.address.map(|address| address.to_string());
        events.push(Event::CodeRedeemed { id, device, address });
    }
    let beside = state.beside(&ask, basis);
    events.extend(give(state, permit, ask, basis)?);
    if redeems || !has_token {
        events.push(Event::TokenIssued { device, role, token });
    }
    if let Some(ask) = beside {
        events.extend(give(state, permit, ask, basis)?);
    }
    Ok(events)
}

/// What a rule gives in one role.
fn give(state: &Registry, permit: &Permit, ask: Ask, basis: Basis) -> Result<Vec<Event>, Refusal> {
    state.not_under_review(Item::Device(ask.device, ask.role))?;
    let held = state.grant(ask.device, ask.role);
    let redeems = matches!(basis, Basis::SetupCode(_));
    let given = state.given(&ask, basis);
    let listed = held.and_then(Grant::lasting).filter(|held| held.by == ApprovedBy::KeyList);
    let listed = listed.filter(|_| redeems);
    let scopes = match &listed {
        Some(_) => given.clone(),
        None => held_afterwards(held, &given, false)?,
    };
    // What the list of keys gave stays the list's to take back, so it is not made the code's gift:
    // a code that gives nothing beyond it gives a token alone, any other takes its place.
    if listed.is_some_and(|listed| listed.scopes.covers(&given)) {
        return Ok(vec![]);
    }
    // An older request of the same device for the same role is answered by this one.
    let answered = state.request_of(ask.device, ask.role);
    let superseded = answered.map(|(request_id, request)| Event::PairingSuperseded {
        request_id,
        device: request.device,
        by: ask.request_id,
    });
    let offer = Offer { scopes, by: basis.approved_by(), approver: permit.principal().clone() };
    Ok(superseded.into_iter().chain([offer.to(ask, held)]).collect())
}

/// Whether the device was given this for good, also where a role hides it: a rule lifts no role, so it
/// would write the same record at every knock.
fn given_for_good(held: Option<&Grant>, ask: &Ask) -> bool {
    let lasting = held.and_then(Grant::lasting);
    ask.reason != PairingReason::MetadataUpgrade
        && lasting.is_some_and(|lasting| lasting.scopes.covers(&ask.scopes))
}

impl Basis {
    /// The rule that acts.
    pub fn rule(self) -> Rule {
        match self {
            Self::LocalPolicy => Rule::LocalPolicy,
            Self::TrustedCidr => Rule::TrustedCidr,
            Self::KeyList => Rule::KeyList,
            Self::SetupCode(_) => Rule::SetupCode,
        }
    }

    fn approved_by(self) -> ApprovedBy {
        match self {
            Self::LocalPolicy => ApprovedBy::LocalPolicy,
            Self::TrustedCidr => ApprovedBy::TrustedCidr,
            Self::KeyList => ApprovedBy::KeyList,
            Self::SetupCode(_) => ApprovedBy::SetupCode,
        }
    }
}

impl Registry {
    /// The rule that would approve this ask without anybody's code, if there is one.
    pub fn basis_for(&self, ask: &Ask, now: UnixMillis) -> Option<Basis> {
        [Basis::LocalPolicy, Basis::TrustedCidr, Basis::KeyList]
            .into_iter()
            .find(|basis| self.covered(ask, *basis, now).is_ok())
    }

    /// A rule as a principal: what it may grant, and the record that it stands on.
    ///
    /// # Errors
    /// If there is no such rule in force.
    pub fn rule_standing(&self, basis: Basis) -> Result<Standing, Refusal> {
        let (policy_seq, policy) = self.policy().ok_or(Refusal::HostOnly)?;
        let (grant, scopes) = match basis {
            Basis::LocalPolicy => (policy_seq, policy.secret_grant(Locality::DirectLoopback)),
            Basis::TrustedCidr => (policy_seq, ScopeSet::empty()),
            Basis::KeyList => {
                let (seq, list) = self.keys.as_ref().ok_or(Refusal::HostOnly)?;
                let listed = list.keys.values();
                (*seq, listed.fold(ScopeSet::empty(), |all, key| all.union(&key.scopes)))
            }
            Basis::SetupCode(code) => {
                let code = self.code(code).ok_or(Refusal::SetupCode(CodeFault::Unknown))?;
                (code.seq, code.scopes.clone())
            }
        };
        let principal = Principal::System(basis.rule());
        Ok(Standing { principal, role: Role::Operator, scopes, grant })
    }

    /// What a rule gives to an ask that it covers. Where someone wrote down what the device is to
    /// hold, it gets that, or as much of it as it asks for.
    fn given(&self, ask: &Ask, basis: Basis) -> ScopeSet {
        match basis {
            Basis::LocalPolicy | Basis::TrustedCidr => ask.scopes.clone(),
            Basis::KeyList => {
                let listed =
                    self.keys.as_ref().and_then(|(_, list)| list.keys.get(&ask.public_key));
                let listed = listed.filter(|_| ask.role == Role::Operator);
                listed
                    .map(|key| session::within(&ask.scopes, None, &key.scopes))
                    .unwrap_or_default()
            }
            Basis::SetupCode(code) => {
                let code = self.code(code).filter(|_| ask.role == Role::Operator);
                code.map(|code| session::within(&ask.scopes, None, &code.scopes))
                    .unwrap_or_default()
            }
        }
    }

    /// What a rule gives besides: a code for everything is redeemed by a node on behalf of the
    /// operator whose device it is. docs/PROTOCOL.md (b): the mobile apps come as a node first.
    fn beside(&self, ask: &Ask, basis: Basis) -> Option<Ask> {
        let Basis::SetupCode(code) = basis else { return None };
        let code = self.code(code).filter(|code| code.access != Access::Node)?;
        let ask = Some(ask).filter(|ask| ask.role == Role::Node)?;
        Some(Ask { role: Role::Operator, scopes: code.scopes.clone(), ..ask.clone() })
    }

    /// Whether a rule covers this ask, everything considered that the device holds already.
    pub(super) fn covered(&self, ask: &Ask, basis: Basis, now: UnixMillis) -> Result<(), Refusal> {
        let held = self.grant(ask.device, ask.role);
        let scopes = held_afterwards(held, &ask.scopes, false)?;
        let yes = match basis {
            Basis::SetupCode(code) => return self.code_covers(ask, code, now),
            _ if self.is_barred(ask.device) || self.hold_on(Item::Rules).is_some() => false,
            Basis::LocalPolicy => self.local_policy_covers(ask, &scopes),
            Basis::TrustedCidr => self.cidr_covers(ask),
            Basis::KeyList => self.key_list_covers(ask, held),
        };
        if yes { Ok(()) } else { Err(Refusal::HostOnly) }
    }

    /// Only for a direct local client that proved the shared secret, only within that secret's
    /// local grant.
    fn local_policy_covers(&self, ask: &Ask, scopes: &ScopeSet) -> bool {
        let Some((_, policy)) = self.policy() else { return false };
        let grant = policy.secret_grant(Locality::DirectLoopback);
        policy.auto_approve_local
            && ask.secret.is_some()
            && ask.locality == Locality::DirectLoopback
            && grant.covers(scopes)
            && (ask.role == Role::Operator || grant.satisfies_known(Known::Admin))
    }

    /// Only for a node that nobody knows yet, and that asks for no scopes.
    fn cidr_covers(&self, ask: &Ask) -> bool {
        let Some((_, policy)) = self.policy() else { return false };
        let ranges = &policy.auto_approve_cidrs;
        !ranges.is_empty()
            && ask.role == Role::Node
            && ask.scopes.is_empty()
            && ask.reason == PairingReason::NotPaired
            && self.device(ask.device).is_none()
            && service_token::within(ranges, ask.address)
    }

    /// Only in the role and within the scopes that the list says, and never on top of what a person
    /// gave for good: the list takes back what it gave.
    fn key_list_covers(&self, ask: &Ask, held: Option<&Grant>) -> bool {
        let listed = self.keys.as_ref().and_then(|(_, list)| list.keys.get(&ask.public_key));
        let fits = listed.is_some_and(|key| key.role == ask.role && key.scopes.covers(&ask.scopes));
        let lasting = held.and_then(Grant::lasting);
        fits && lasting.is_none_or(|lasting| lasting.by == ApprovedBy::KeyList)
    }

    fn code_covers(&self, ask: &Ask, code: TokenHash, now: UnixMillis) -> Result<(), Refusal> {
        let fault = |fault| Err(Refusal::SetupCode(fault));
        let Some(code) = self.code(code).filter(|code| self.maker_stands(code)) else {
            return fault(CodeFault::Unknown);
        };
        if code.redeemed.is_some() {
            return fault(CodeFault::Used);
        }
        if now >= code.until {
            return fault(CodeFault::Expired);
        }
        if code.access == Access::Node && ask.role != Role::Node {
            return Err(Refusal::WrongRole { role: ask.role });
        }
        let nothing_of_it = self.given(ask, Basis::SetupCode(code.hash)).is_empty();
        match code.scopes.first_missing(&ask.scopes) {
            Some(missing) if nothing_of_it => {
                Err(Refusal::DeviceScopeMismatch { missing, granted: code.scopes.clone() })
            }
            _ => Ok(()),
        }
    }
}
