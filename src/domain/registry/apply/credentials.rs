//! What events do to everything else that grants or withholds: ceilings, the shared secret, service
//! tokens, setup codes, lockouts.

use std::sync::Arc;

use super::devices::change_grant;
use crate::domain::{
    ids::TokenHash,
    principal::{SecretKind, Subject},
    registry::{
        Event, Registry, ServiceToken, SetupCode,
        lockout::Lockout,
        setup_code::CODES_MAX,
        state::{AdoptedSecret, Ending},
    },
    time::Stamp,
};

pub(super) fn ceiling(state: &mut Registry, subject: &Subject, ceiling: Option<&str>) {
    let ceiling = ceiling.map(str::to_owned);
    match subject {
        Subject::Device(device, role) => {
            change_grant(state, *device, *role, |grant| {
                if let Some(Ending { leaves: Some(lasting), .. }) = &mut grant.ends {
                    lasting.ceiling.clone_from(&ceiling);
                }
                grant.ceiling = ceiling;
            });
        }
        Subject::Token(id) => {
            if let Some(token) = state.tokens.get_mut(id) {
                Arc::make_mut(token).ceiling = ceiling;
            }
        }
        Subject::SharedSecret | Subject::Open | Subject::Person(_) => {}
    }
}

pub(super) fn secret(state: &mut Registry, stamp: Stamp, kind: SecretKind, fingerprint: TokenHash) {
    let Stamp { seq, at } = stamp;
    state.secret = Some(AdoptedSecret { seq, at, kind, fingerprint });
}

pub(super) fn service_token(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::ServiceTokenCreated { id, name, scopes, token, until, ranges, creator } => {
            let made = ServiceToken {
                seq: stamp.seq,
                line: stamp.seq,
                at: stamp.at,
                name: name.clone(),
                scopes: scopes.clone(),
                hash: *token,
                until: *until,
                ranges: ranges.clone(),
                creator: creator.clone(),
                rotated_at: None,
                ceiling: None,
            };
            state.token_by_hash.insert(*token, *id);
            state.tokens.insert(*id, Arc::new(made));
        }
        Event::ServiceTokenRotated { id, token } => {
            let Some(known) = state.tokens.get_mut(id) else { return };
            let known = Arc::make_mut(known);
            state.token_by_hash.remove(&known.hash);
            state.token_by_hash.insert(*token, *id);
            known.hash = *token;
            known.line = stamp.seq;
            known.seq = stamp.seq;
            known.rotated_at = Some(stamp.at);
        }
        Event::ServiceTokenRevoked { id, .. } | Event::ServiceTokenExpired { id } => {
            if let Some(token) = state.tokens.remove(id) {
                state.token_by_hash.remove(&token.hash);
            }
        }
        _ => {}
    }
}

pub(super) fn setup_code(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::CodeCreated { id, code, access, scopes, until, creator } => {
            let made = SetupCode {
                seq: stamp.seq,
                hash: *code,
                access: *access,
                scopes: scopes.clone(),
                until: *until,
                creator: creator.clone(),
                redeemed: None,
            };
            state.code_by_hash.insert(*code, *id);
            state.codes.insert(*id, Arc::new(made));
            forget_oldest_codes(state);
        }
        Event::CodeRedeemed { id, device, .. } => {
            if let Some(code) = state.codes.get_mut(id) {
                Arc::make_mut(code).redeemed = Some((*device, stamp));
            }
        }
        _ => {}
    }
}

fn forget_oldest_codes(state: &mut Registry) {
    while state.codes.len() > CODES_MAX {
        let oldest = state.codes.iter().min_by_key(|(_, code)| code.seq);
        let Some((id, hash)) = oldest.map(|(id, code)| (*id, code.hash)) else { return };
        state.codes.remove(&id);
        state.code_by_hash.remove(&hash);
    }
}

pub(super) fn lockout(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::LockedOut { key, failures, until } => {
            // What is over makes room; it stays in the ledger.
            let over = state.lockouts.iter().filter(|(_, lockout)| lockout.until <= stamp.at);
            let over: Vec<_> = over.map(|(key, _)| *key).collect();
            over.iter().for_each(|key| drop(state.lockouts.remove(key)));
            let lockout =
                Lockout { seq: stamp.seq, at: stamp.at, until: *until, failures: failures.clone() };
            state.lockouts.insert(*key, Arc::new(lockout));
        }
        Event::LockoutCleared { key } => drop(state.lockouts.remove(key)),
        _ => {}
    }
}
