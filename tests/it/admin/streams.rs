//! Answers in pieces, and streams that end when their caller wanted.

use std::time::Duration;

use doorward::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, Seq},
        principal::{Principal, Rule},
        registry::{Approval, ApprovedBy, Event as Happened, Profile},
        scope::{Role as InRole, ScopeSet},
        time::UnixMillis,
    },
    ledger::record::{Record, Via},
    proto::v1::*,
};
use prost::Message;
use tonic::{Code, Request, Response, Status, Streaming};

use super::{
    client::{Client, refusal},
    gateway::{Gateway, block_on, doorward, set},
};
use crate::story::shelf;

async fn merged<R, P: Message + Default>(
    mut pieces: Streaming<R>,
    piece: fn(R) -> Option<P>,
) -> (P, usize) {
    let (mut whole, mut count) = (P::default(), 0);
    while let Some(next) = pieces.message().await.unwrap() {
        whole.merge(piece(next).unwrap().encode_to_vec().as_slice()).unwrap();
        count += 1;
    }
    (whole, count)
}

#[test]
fn an_answer_in_pieces_is_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.admin");
    assert_eq!(doorward(dir.path(), &format!("devices approve {id}")).code, 0);
    gateway.ask(2, "operator.read");
    let made = doorward(dir.path(), "tokens create --name t --scope operator.read");
    assert_eq!(made.code, 0, "{made:?}");
    block_on(async {
        let host = Client::host(&gateway).await;
        let mut ledger = host.ledger.clone();
        let mut audit = audit_service_client::AuditServiceClient::new(host.line.clone());

        let ask = StateAsOfRequest::default();
        let whole = ledger.state_as_of(ask).await.unwrap().into_inner();
        let pieces = ledger.stream_state_as_of(StreamStateAsOfRequest { ask: Some(ask) });
        let (state, count) = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert_eq!((state.devices.len(), state.pending.len(), state.tokens.len()), (1, 1, 1));
        assert_eq!((&state, count), (&whole, 4));

        let ask = WhoCanRequest { scope: "operator.read".into(), at: None };
        let whole = audit.who_can(ask.clone()).await.unwrap().into_inner();
        let pieces = audit.stream_who_can(StreamWhoCanRequest { ask: Some(ask) });
        let told = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert!(whole.holders.len() > 2, "{whole:?}");
        assert_eq!(told, (whole, 2));

        let from = Some(Moment { at: Some(moment::At::Seq(0)) });
        let ask = DiffRequest { from, to: None };
        let whole = audit.diff(ask).await.unwrap().into_inner();
        let pieces = audit.stream_diff(StreamDiffRequest { ask: Some(ask) });
        let told = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert!(whole.changes.len() > 2, "{whole:?}");
        assert_eq!(told, (whole, 2));

        let policy = Policy { auth_mode: AuthMode::Token.into(), ..Default::default() };
        let ask = ReplayRequest { policy: Some(policy) };
        let whole = audit.replay(ask.clone()).await.unwrap().into_inner();
        let pieces = audit.stream_replay(StreamReplayRequest { ask: Some(ask) });
        let (told, _) = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert!(!whole.differences.is_empty(), "{whole:?}");
        assert_eq!(told, whole);
    });
}

/// More devices than one answer of 16 MiB has room for, if each has as long a name as fits into a record.
const DEVICES: u64 = 300;

/// The record of a local device that came in by rule, under that name; the first one begins the ledger.
fn long_named(seq: u64) -> Record {
    let device = DeviceId(std::array::from_fn(|at| (seq >> (8 * (at % 2))) as u8));
    let profile = Profile { display_name: Some("x".repeat(60_000)), ..Profile::default() };
    let scopes = set("operator.read");
    let approval = Approval {
        request_id: RequestId(std::array::from_fn(|at| device.0[at])),
        device,
        public_key: PublicKey(device.0),
        role: InRole::Operator,
        scopes: scopes.clone(),
        profile,
        by: ApprovedBy::LocalPolicy,
        approver: None,
        until: None,
        ceiling: None,
        ephemeral: false,
    };
    let begun = Happened::Begun { gateway_key: PublicKey(shelf::key().public()) };
    let (rule, event, after) = match seq {
        0 => (Rule::Startup, begun, ScopeSet::empty()),
        _ => (Rule::LocalPolicy, Happened::PairingApproved(Box::new(approval)), scopes),
    };
    Record {
        seq: Seq(seq),
        at: UnixMillis(1_700_000_000_000 + seq),
        principal: Principal::System(rule),
        authority: Seq(0),
        via: Via::internal(),
        before: ScopeSet::empty(),
        after,
        event: Event::Registry(event),
    }
}

/// That the answer is refused as too large, and that the refusal names this call instead.
#[track_caller]
fn refused_for<T: std::fmt::Debug>(told: Result<Response<T>, Status>, instead: &str) {
    let remedy = told.as_ref().unwrap_err().metadata().get("doorward-remedy").cloned();
    assert_eq!(refusal(told), (Code::ResourceExhausted, "ANSWER_TOO_LARGE".to_owned()));
    assert_eq!(remedy.unwrap(), format!("call {instead}, which answers in pieces").as_str());
}

/// What a stock client, which reads 4 MiB at once, does with an answer that is too large for one message.
#[test]
fn an_answer_that_is_too_large_is_refused_and_comes_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    shelf::write(dir.path(), (0..=DEVICES).map(long_named).collect());
    let gateway = Gateway::start(dir.path());
    let all = DEVICES as usize;
    block_on(async {
        let host = Client::host(&gateway).await;
        let mut ledger = host.ledger.clone();
        let mut audit = audit_service_client::AuditServiceClient::new(host.line.clone());

        let ask = StateAsOfRequest::default();
        refused_for(ledger.state_as_of(ask).await, "LedgerService/StreamStateAsOf");
        let pieces = ledger.stream_state_as_of(StreamStateAsOfRequest { ask: Some(ask) });
        let (told, _) = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert_eq!(told.devices.len(), all);

        let ask = WhoCanRequest { scope: "operator.read".into(), at: None };
        refused_for(audit.who_can(ask.clone()).await, "AuditService/StreamWhoCan");
        let pieces = audit.stream_who_can(StreamWhoCanRequest { ask: Some(ask) });
        let (told, _) = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert!(told.holders.len() >= all, "{}", told.holders.len());

        let from = Some(Moment { at: Some(moment::At::Seq(0)) });
        let ask = DiffRequest { from, to: None };
        refused_for(audit.diff(ask).await, "AuditService/StreamDiff");
        let pieces = audit.stream_diff(StreamDiffRequest { ask: Some(ask) });
        let (told, _) = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert!(told.changes.len() >= all, "{}", told.changes.len());

        // A policy under which no rule lets a local device in.
        let policy = Policy { auth_mode: AuthMode::Token.into(), ..Default::default() };
        let ask = ReplayRequest { policy: Some(policy) };
        refused_for(audit.replay(ask.clone()).await, "AuditService/StreamReplay");
        let pieces = audit.stream_replay(StreamReplayRequest { ask: Some(ask) });
        let (told, _) = merged(pieces.await.unwrap().into_inner(), |next| next.piece).await;
        assert_eq!(told.decisions.len(), all);
    });
}

#[test]
fn a_watch_ends_with_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let mut request = Request::new(TailRequest { follow: true, ..Default::default() });
        request.set_timeout(Duration::from_secs(2));
        let mut records = host.ledger.tail(request).await.unwrap().into_inner();
        let mut seen = 0;
        let failure = loop {
            match records.message().await {
                Ok(record) => seen += u64::from(record.expect("it was to follow").record.is_some()),
                Err(failure) => break failure,
            }
        };
        assert_eq!((failure.code(), seen > 0), (Code::DeadlineExceeded, true), "{failure:?}");
    });
}
