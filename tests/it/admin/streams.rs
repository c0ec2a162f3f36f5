//! Answers in pieces, and streams that end when their caller wanted.

use std::time::Duration;

use doorward::proto::v1::*;
use prost::Message;
use tonic::{Code, Request, Streaming};

use super::{
    client::Client,
    gateway::{Gateway, block_on, doorward},
};

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
