//! Following the ledger: no gap, no duplicate, and an end that says why.

use std::time::Duration;

use doorward::proto::v1::{
    AssignCeilingRequest, CreateTokenRequest, RevokeServiceTokenRequest, RotateServiceTokenRequest,
    Scopes, TailRequest, TailResponse, assign_ceiling_request::Subject,
    ledger_service_client::LedgerServiceClient, tail_request::Start,
};
use tonic::{Code, Status, Streaming, transport::Channel};

use super::{
    client::{Client, WAYS, refusal},
    gateway::{Gateway, block_on},
};

async fn client(gateway: &Gateway) -> LedgerServiceClient<Channel> {
    let url = format!("unix://{}", gateway.state_dir.join("admin.sock").display());
    LedgerServiceClient::connect(url).await.unwrap()
}

/// What a stream says next; one that says nothing fails the test.
async fn told(stream: &mut Streaming<TailResponse>) -> Result<Option<TailResponse>, Status> {
    tokio::time::timeout(Duration::from_secs(20), stream.message()).await.expect("it hangs")
}

async fn next(stream: &mut Streaming<TailResponse>) -> u64 {
    told(stream).await.unwrap().unwrap().record.unwrap().seq
}

#[test]
fn a_follower_sees_each_record_once_while_they_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    // More than a page of them before, and as many again while the follower reads.
    let write = |rounds: u8| {
        for round in 0..rounds {
            gateway.ask(round % 7, ["operator.read", "operator.write"][usize::from(round / 7 % 2)]);
        }
    };
    write(150);
    std::thread::scope(|scope| {
        let (reading, begun) = std::sync::mpsc::channel();
        scope.spawn(move || {
            begun.recv().unwrap();
            write(150);
        });
        block_on(async {
            let follow = TailRequest { follow: true, ..Default::default() };
            let mut stream = client(&gateway).await.tail(follow).await.unwrap().into_inner();
            reading.send(()).unwrap();
            for seq in 0..500 {
                assert_eq!(next(&mut stream).await, seq);
            }
        });
    });
}

#[test]
fn a_stream_begins_and_ends_where_it_was_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    (1..=4).for_each(|n| drop(gateway.ask(n, "operator.read")));
    for (start, limit, expected) in [
        (None, None, 0..7),
        (None, Some(2), 0..2),
        (Some(Start::FromSeq(4)), None, 4..7),
        (Some(Start::FromSeq(4)), Some(1), 4..5),
        (Some(Start::FromSeq(100)), None, 0..0),
        (Some(Start::Newest(2)), None, 5..7),
        (Some(Start::Newest(100)), None, 0..7),
        (Some(Start::Newest(0)), None, 0..0),
        (None, Some(0), 0..0),
    ] {
        let seen = block_on(async {
            let asked = TailRequest { start, limit, ..Default::default() };
            let mut stream = client(&gateway).await.tail(asked).await.unwrap().into_inner();
            let mut seen = vec![];
            while let Some(response) = told(&mut stream).await.unwrap() {
                seen.push(response.record.unwrap().seq);
            }
            seen
        });
        assert_eq!(seen, expected.collect::<Vec<_>>(), "{start:?} {limit:?}");
    }
}

#[test]
fn a_follower_is_told_that_the_gateway_stops() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(dir.path());
    block_on(async {
        let follow =
            TailRequest { start: Some(Start::FromSeq(2)), follow: true, ..Default::default() };
        let mut stream = client(&gateway).await.tail(follow).await.unwrap().into_inner();
        assert_eq!(next(&mut stream).await, 2);
        let stopping = std::thread::spawn(move || gateway.stop());
        let ended = told(&mut stream).await.unwrap_err();
        assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "the gateway is stopping"));
        stopping.join().unwrap();
    });
}

/// N3 A3.3, N10 A10.1: a stream stands on a grant, and ends with it; nobody else's does.
#[test]
fn a_stream_ends_with_what_it_stands_on() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for (n, way) in WAYS.into_iter().enumerate() {
            for (ending, expected) in [
                (Ending::Revoked, "GRANT_ENDED"),
                (Ending::Rotated, "GRANT_ENDED"),
                (Ending::Expired, "GRANT_ENDED"),
                (Ending::Narrowed, "MISSING_SCOPE"),
            ] {
                let mut make = async |who: &str, until_ms| {
                    let name = format!("{who} {ending:?} {n}");
                    let scopes = Some(Scopes { names: vec!["operator.audit".into()] });
                    let asked = CreateTokenRequest { name, scopes, until_ms, ranges: vec![] };
                    host.tokens.create_token(asked).await.unwrap().into_inner()
                };
                let soon = doorward::support::clock::unix_millis() + 1000;
                let one = make("one", (ending == Ending::Expired).then_some(soon)).await;
                let other = make("other", None).await;
                let follow = TailRequest {
                    start: Some(Start::Newest(1)),
                    follow: true,
                    ..Default::default()
                };
                let open = async |secret: &str| {
                    let mut client = Client::with(&gateway, way, secret).await;
                    let mut stream = client.ledger.tail(follow.clone()).await.unwrap().into_inner();
                    assert_eq!(next(&mut stream).await, other.seq);
                    stream
                };
                let (mut ends, mut goes_on) = (open(&one.secret).await, open(&other.secret).await);
                ending.come_about(&mut host, one.token_id).await;
                let outcome = told(&mut ends).await;
                let what = format!("{ending:?} over {way:?}");
                assert_eq!(
                    refusal(outcome),
                    (Code::PermissionDenied, expected.to_owned()),
                    "{what}"
                );
                assert_eq!(next(&mut goes_on).await, other.seq + 1, "{what}");
            }
        }
    });
}

/// What ends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Revoked,
    Rotated,
    Expired,
    Narrowed,
}

impl Ending {
    async fn come_about(self, host: &mut Client, token_id: String) {
        match self {
            Self::Revoked => {
                let revoke = RevokeServiceTokenRequest { token_id, force_reason: None };
                host.tokens.revoke_service_token(revoke).await.map(drop)
            }
            Self::Rotated => {
                let rotate = RotateServiceTokenRequest { token_id };
                host.tokens.rotate_service_token(rotate).await.map(drop)
            }
            Self::Narrowed => {
                let subject = Some(Subject::TokenId(token_id));
                let ceiling = AssignCeilingRequest { subject, ceiling: "reader".into() };
                host.pairing.assign_ceiling(ceiling).await.map(drop)
            }
            Self::Expired => Ok(()),
        }
        .unwrap();
    }
}

/// Over several connections, because one may have so many calls and no more.
#[test]
fn a_hundred_followers_have_each_record_once_and_in_order() {
    const FOLLOWERS: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut streams = vec![];
        for _ in 0..FOLLOWERS / 25 {
            let mut connection = client(&gateway).await;
            for _ in 0..25 {
                let follow = TailRequest { follow: true, ..Default::default() };
                streams.push(connection.tail(follow).await.unwrap().into_inner());
            }
        }
        // Seven devices ask, and ask again for something else: a request, and what it replaces.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..50_u8 {
                    let scopes = ["operator.read", "operator.write"][usize::from(round / 7 % 2)];
                    gateway.ask(round % 7, scopes);
                }
            });
        });
        let size = 3 + 7 + 2 * 43;
        for stream in &mut streams {
            for seq in 0..size {
                assert_eq!(next(stream).await, seq);
            }
        }
    });
}
