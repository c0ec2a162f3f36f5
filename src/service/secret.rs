//! The shared secret: what it is now, what tells it from another, and its replacement.
//!
//! The ledger never sees it. What the ledger keeps is a fingerprint that only the gateway's own key
//! can make, so that a guess cannot be checked against a copy of the ledger.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;

use super::Service;
use crate::{
    domain::{
        ids::{Seq, TokenHash},
        operation::Operation,
        permit::{self, Permit},
        principal::{SecretKind, Standing},
        refusal::Refusal,
        registry::{AuthMode, Command, Registry},
    },
    ledger::record::Via,
    support::{
        entropy,
        keys::GatewayKey,
        private_file,
        secret::{Secret, digest},
        strength,
    },
};

/// The secret that clients without a paired device prove.
#[derive(Clone)]
pub enum SharedSecret {
    /// Mode `token`.
    Token(Secret<String>),
    /// Mode `password`.
    Password(Secret<String>),
    /// Mode `none`.
    None,
    /// Mode `trusted-proxy`.
    TrustedProxy,
}

impl SharedSecret {
    /// The mode that this secret belongs to.
    pub fn mode(&self) -> AuthMode {
        match self {
            Self::Token(_) => AuthMode::Token,
            Self::Password(_) => AuthMode::Password,
            Self::None => AuthMode::None,
            Self::TrustedProxy => AuthMode::TrustedProxy,
        }
    }

    /// The secret with its kind, if there is one.
    pub fn value(&self) -> Option<(SecretKind, &Secret<String>)> {
        match self {
            Self::Token(secret) => Some((SecretKind::Token, secret)),
            Self::Password(secret) => Some((SecretKind::Password, secret)),
            Self::None | Self::TrustedProxy => None,
        }
    }
}

/// Where the shared secret comes from, and so who may replace it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file that holds nothing else; the gateway can write it.
    File(PathBuf),
    /// Somewhere that only its owner can change, in words.
    Elsewhere(String),
}

/// The shared secret of a running gateway.
///
/// Which secret is in force is the ledger's to say. While one replaces another, both are known here,
/// and the one whose fingerprint is on record is good: so the old one is worth nothing from the very
/// commit on that ends its sessions.
pub struct Secrets {
    current: ArcSwap<SharedSecret>,
    /// By its fingerprint: the one in force, and the one that is to replace it.
    known: ArcSwap<Vec<(TokenHash, SharedSecret)>>,
    place: SecretPlace,
    key: Arc<GatewayKey>,
    /// Held while it is replaced: file, ledger and memory change in the same order.
    turn: tokio::sync::Mutex<()>,
}

impl Secrets {
    /// What the start found.
    pub fn new(secret: SharedSecret, place: SecretPlace, key: Arc<GatewayKey>) -> Self {
        let secrets = Self {
            current: ArcSwap::from_pointee(secret),
            known: ArcSwap::default(),
            place,
            key,
            turn: Default::default(),
        };
        secrets.know([&**secrets.current()]);
        secrets
    }

    fn know<'a>(&self, secrets: impl IntoIterator<Item = &'a SharedSecret>) {
        let known = secrets.into_iter().filter_map(|secret| {
            let (_, value) = secret.value()?;
            Some((fingerprint_of(&self.key, value), secret.clone()))
        });
        self.known.store(Arc::new(known.collect()));
    }

    /// Whether `given` is the secret that is in force in `state`.
    pub fn prove(&self, state: &Registry, given: &Secret<String>) -> bool {
        let Some(in_force) = state.secret() else { return false };
        // The state is older than what is known here: a secret is known before it is committed.
        let known = self.known.load();
        let ours = known.iter().find(|(fingerprint, _)| *fingerprint == in_force.fingerprint);
        let ours = ours.and_then(|(_, secret)| secret.value());
        ours.is_some_and(|(_, ours)| ours.matches(given.expose()))
    }

    /// The secret that the gateway has now; to check one, ask [`Self::prove`].
    pub fn current(&self) -> arc_swap::Guard<Arc<SharedSecret>> {
        self.current.load()
    }

    /// The kind and fingerprint of the secret in force, if there is one.
    pub fn fingerprint(&self) -> Option<(SecretKind, TokenHash)> {
        let current = self.current();
        let (kind, secret) = current.value()?;
        Some((kind, fingerprint_of(&self.key, secret)))
    }
}

/// Ed25519 signatures are deterministic (RFC 8032), so a signature is a keyed digest that nobody
/// else can make.
fn fingerprint_of(key: &GatewayKey, secret: &Secret<String>) -> TokenHash {
    let mut message = b"doorward shared secret v1\n".to_vec();
    message.extend_from_slice(secret.expose().as_bytes());
    let signature = key.sign(&message);
    zeroize::Zeroize::zeroize(&mut message);
    TokenHash(digest(&signature))
}

/// A replaced shared secret.
#[derive(Debug)]
pub struct RotatedSecret {
    /// The record of it.
    pub seq: Option<Seq>,
    /// Its kind.
    pub kind: SecretKind,
    /// Where it lies now.
    pub path: PathBuf,
}

impl Service {
    /// Puts another shared secret in force: the one given, or a fresh one. Its file is written
    /// first: if the gateway is killed in between, it starts with the new secret. What was begun is
    /// finished if the caller hangs up, so that file, ledger and memory never differ.
    ///
    /// # Errors
    /// If `who` may not, the secret is weak, or it is not the gateway's to change.
    pub async fn rotate_secret(
        &self,
        who: &Standing,
        via: Via,
        given: Option<Secret<String>>,
    ) -> Result<RotatedSecret, Refusal> {
        let permit = permit::authorize(who, Operation::RotateSecret)?;
        let service = self.clone();
        let work = tokio::spawn(async move { service.replace_secret(permit, via, given).await });
        let stopping =
            |_| Refusal::Unavailable { reason: "the gateway is stopping", retry_after_ms: 0 };
        work.await.map_err(stopping)?
    }

    async fn replace_secret(
        &self,
        permit: Permit,
        via: Via,
        given: Option<Secret<String>>,
    ) -> Result<RotatedSecret, Refusal> {
        let secrets = &self.0.secrets;
        let _turn = secrets.turn.lock().await;
        let path = match &secrets.place {
            SecretPlace::File(path) => path,
            SecretPlace::Elsewhere(place) => {
                return Err(Refusal::SecretIsElsewhere { place: place.clone() });
            }
        };
        let old = secrets.current.load_full();
        let Some((kind, old_secret)) = old.value() else {
            let place = format!("gateway.auth.mode, which is {:?}", old.mode().name());
            return Err(Refusal::SecretIsElsewhere { place });
        };
        let secret = match given {
            Some(given) => {
                strength::check(given.expose()).map_err(|why| Refusal::WeakSecret { why })?
            }
            None => entropy::token(),
        };
        write(path, &secret)?;
        let fingerprint = fingerprint_of(&secrets.key, &secret);
        let new = Arc::new(match kind {
            SecretKind::Token => SharedSecret::Token(secret),
            SecretKind::Password => SharedSecret::Password(secret),
        });
        secrets.know([&*old, &*new]);
        let command = Command::RotateSecret { kind, fingerprint };
        let committed = self.0.registry.execute(permit, command, via).await;
        match committed {
            Ok(committed) => {
                secrets.know([&*new]);
                secrets.current.store(new);
                let seq = committed.events.first().map(|(stamp, _)| stamp.seq);
                Ok(RotatedSecret { seq, kind, path: path.clone() })
            }
            Err(refusal) => {
                secrets.know([&*old]);
                write(path, old_secret)?;
                Err(refusal)
            }
        }
    }
}

fn write(path: &std::path::Path, secret: &Secret<String>) -> Result<(), Refusal> {
    let line = Secret::new(format!("{}\n", secret.expose()));
    private_file::replace(path, line.expose().as_bytes()).map_err(|error| {
        tracing::error!(%error, path = %path.display(), "the shared secret cannot be written");
        Refusal::Unavailable { reason: "the secret's file cannot be written", retry_after_ms: 0 }
    })
}
