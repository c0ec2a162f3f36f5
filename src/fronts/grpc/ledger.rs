//! `LedgerService`: reads and checks the ledger.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response};

use super::{
    convert::{self, Past},
    error::Failure,
    peer,
    pieces::{self, Pieces},
    proofs::{self, Proving},
    read,
    tail::Tail,
};
use crate::{
    domain::principal::Standing,
    proto::v1::{
        BrokenAt, ProveRequest, ProveResponse, StateAsOfRequest, StateAsOfResponse,
        StreamStateAsOfRequest, StreamStateAsOfResponse, TailRequest, TailResponse, VerifyRequest,
        VerifyResponse, ledger_service_server::LedgerService,
    },
    support::shutdown::Shutdown,
};

/// The service behind the contract, over a running gateway or over its files.
pub(super) struct Front<S> {
    source: S,
    shutdown: Shutdown,
}

impl<S: Proving> Front<S> {
    pub fn new(source: S, shutdown: Shutdown) -> Self {
        Self { source, shutdown }
    }

    async fn as_of(
        &self,
        who: &Standing,
        ask: StateAsOfRequest,
    ) -> Result<StateAsOfResponse, Failure> {
        let moment = read::moment(ask.moment);
        let as_of = self.source.history(who, move |history| history.as_of(moment)).await?;
        let state = &as_of.state;
        let pending = convert::newest_first(state).into_iter();
        let (devices, tokens) = (state.devices(), state.service_tokens());
        Ok(StateAsOfResponse {
            seq: as_of.stamp.seq.0,
            time_ms: as_of.stamp.at.0,
            gateway_key: state.gateway_key().map(|key| key.0.to_vec()).unwrap_or_default(),
            policy: state.policy().map(convert::policy),
            pending: pending
                .map(|(id, one)| convert::pending_request(state, id, one, &Past))
                .collect(),
            devices: devices.map(|(id, one)| convert::device(state, id, one, &Past)).collect(),
            tokens: tokens.map(|(id, one)| convert::token(state, id, one, None)).collect(),
        })
    }
}

type TailStream = Pin<Box<dyn Stream<Item = Result<TailResponse, Failure>> + Send>>;

#[tonic::async_trait]
impl<S: Proving> LedgerService for Front<S> {
    type TailStream = TailStream;

    async fn tail(&self, request: Request<TailRequest>) -> Result<Response<TailStream>, Failure> {
        let who = peer::live(&request)?;
        let asked = request.into_inner();
        let tail = Tail::begin(self.source.clone(), self.shutdown.clone(), who, &asked).await?;
        Ok(Response::new(Box::pin(tail.into_stream())))
    }

    async fn verify(
        &self,
        request: Request<VerifyRequest>,
    ) -> Result<Response<VerifyResponse>, Failure> {
        let who = peer::standing(&request)?;
        let verdict = self.source.verify(&who).await?;
        let (verdict, consistency) =
            proofs::since(&self.source, &who, request.into_inner().since, verdict).await?;
        Ok(Response::new(VerifyResponse {
            consistency,
            size: verdict.size,
            root_hash: verdict.root.to_vec(),
            broken: verdict
                .broken
                .map(|broken| BrokenAt { first_bad_seq: broken.first_bad_seq, what: broken.what }),
            checkpoint: verdict.checkpoint,
        }))
    }

    async fn prove(
        &self,
        request: Request<ProveRequest>,
    ) -> Result<Response<ProveResponse>, Failure> {
        let who = peer::standing(&request)?;
        let proof = self.source.prove(&who, request.into_inner().seq).await?;
        let gateway_key = self.source.public_key().to_vec();
        Ok(Response::new(ProveResponse { proof, gateway_key }))
    }

    async fn state_as_of(
        &self,
        request: Request<StateAsOfRequest>,
    ) -> Result<Response<StateAsOfResponse>, Failure> {
        let who = peer::standing(&request)?;
        let state = self.as_of(&who, request.into_inner()).await?;
        pieces::whole(state, "LedgerService/StreamStateAsOf")
    }

    type StreamStateAsOfStream = Pieces<StreamStateAsOfResponse>;

    async fn stream_state_as_of(
        &self,
        request: Request<StreamStateAsOfRequest>,
    ) -> Result<Response<Self::StreamStateAsOfStream>, Failure> {
        let who = peer::standing(&request)?;
        let ask = request.into_inner().ask.unwrap_or_default();
        Ok(pieces::of_state(self.as_of(&who, ask).await?))
    }
}
