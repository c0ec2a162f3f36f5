//! Proofs, from a running gateway or from the files of one that is not running.

use std::sync::Arc;

use super::{
    error::{Failure, invalid, refused},
    source::{Source, ask},
};
use crate::{
    domain::{principal::Standing, refusal::Refusal},
    service::{CheckpointError, Growth, KnownCheckpoint, Offline, Service, Verdict},
};

/// What a ledger can prove to people who do not trust it.
#[tonic::async_trait]
pub(super) trait Proving: Source {
    /// That a record is there, as text.
    async fn prove(&self, who: &Standing, seq: u64) -> Result<String, Failure>;

    /// Whether what the note `since` signed begins what is there `now`.
    async fn growth(
        &self,
        who: &Standing,
        since: &str,
        now: KnownCheckpoint,
    ) -> Result<Growth, Failure>;

    /// The public key with which it is checked.
    fn public_key(&self) -> [u8; 32];
}

#[tonic::async_trait]
impl Proving for Service {
    async fn prove(&self, who: &Standing, seq: u64) -> Result<String, Failure> {
        Service::prove(self, who, seq).await.map_err(|refusal| refused(&refusal))
    }

    async fn growth(
        &self,
        who: &Standing,
        since: &str,
        now: KnownCheckpoint,
    ) -> Result<Growth, Failure> {
        let since = self.known_checkpoint(since).map_err(|error| no_checkpoint(&error))?;
        Service::growth(self, who, since, now).await.map_err(|refusal| refused(&refusal))
    }

    fn public_key(&self) -> [u8; 32] {
        self.info().public_key
    }
}

#[tonic::async_trait]
impl Proving for Arc<Offline> {
    async fn prove(&self, _: &Standing, seq: u64) -> Result<String, Failure> {
        let found = ask(self, move |offline| offline.prove(seq)).await?;
        found.ok_or_else(|| refused(&Refusal::UnknownRecord))
    }

    async fn growth(
        &self,
        _: &Standing,
        since: &str,
        now: KnownCheckpoint,
    ) -> Result<Growth, Failure> {
        let since = self.known_checkpoint(since).map_err(|error| no_checkpoint(&error))?;
        ask(self, move |offline| offline.growth(since, now)).await
    }

    fn public_key(&self) -> [u8; 32] {
        Offline::public_key(self)
    }
}

fn no_checkpoint(error: &CheckpointError) -> Failure {
    invalid(format!("since is no checkpoint of this ledger: {error}"))
}

/// The verdict with what the note `since` adds to it, and the hashes that prove the ledger's growth.
pub(super) async fn since<S: Proving>(
    source: &S,
    who: &Standing,
    since: Option<String>,
    verdict: Verdict,
) -> Result<(Verdict, Vec<Vec<u8>>), Failure> {
    // What is broken stays broken, whatever it once was.
    let Some(since) = since.filter(|_| verdict.broken.is_none()) else {
        return Ok((verdict, Vec::new()));
    };
    let now = KnownCheckpoint { size: verdict.size, root: verdict.root };
    Ok(match source.growth(who, &since, now).await? {
        Ok(path) => (verdict, path.iter().map(|hash| hash.to_vec()).collect()),
        Err(broken) => {
            let (size, root) = (broken.first_bad_seq, [0; 32]);
            (Verdict { size, root, broken: Some(broken), ..verdict }, Vec::new())
        }
    })
}
