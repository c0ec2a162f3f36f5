//! Service tokens over gRPC: N3, row by row.

use std::time::Duration;

use doorward::{
    proto::v1::{
        CreateTokenRequest, CreateTokenResponse, ListTokensRequest, RenameDeviceRequest,
        RevokeServiceTokenRequest, RotateSecretRequest, RotateServiceTokenRequest, Scopes,
        ServiceToken, StatusRequest, TailRequest, principal::Kind, tail_request::Start,
        via::Transport,
    },
    support::clock::{self, Stopwatch},
};
use tonic::Code;

use super::{
    client::{Carried, Client, WAYS, Way, refusal},
    gateway::{Gateway, SHARED, block_on, doorward as command},
};

fn scopes(names: &str) -> Option<Scopes> {
    Some(Scopes { names: names.split_whitespace().map(str::to_owned).collect() })
}

fn order(name: &str, holds: &str) -> CreateTokenRequest {
    CreateTokenRequest { name: name.into(), scopes: scopes(holds), until_ms: None, ranges: vec![] }
}

async fn made(host: &mut Client, asked: CreateTokenRequest) -> CreateTokenResponse {
    host.tokens.create_token(asked).await.unwrap().into_inner()
}

async fn listed(host: &mut Client) -> Vec<ServiceToken> {
    host.tokens.list_tokens(ListTokensRequest::default()).await.unwrap().into_inner().tokens
}

/// N3 A3.1
#[test]
fn a_token_is_made_and_listed_without_its_secret() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let token = block_on(async {
        let mut host = Client::host(&gateway).await;
        let until = clock::unix_millis() + 7_776_000_000;
        let ranges = vec!["192.168.1.0/24".into(), "10.0.0.7".into()];
        let asked = CreateTokenRequest {
            until_ms: Some(until),
            ranges,
            ..order("grafana", "operator.read")
        };
        let token = made(&mut host, asked).await;
        assert!(token.secret.starts_with("dwst_") && token.secret.len() > 40, "{token:?}");
        let all = listed(&mut host).await;
        assert!(!format!("{all:?}").contains(&token.secret), "shown once");
        let [known] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((known.token_id.as_str(), known.name.as_str()), (&*token.token_id, "grafana"));
        assert_eq!(known.scopes, scopes("operator.read"));
        assert_eq!(known.seq, token.seq);
        let uid = rustix::process::geteuid().as_raw();
        let Some(Kind::Host(creator)) = known.creator.clone().unwrap().kind else { panic!() };
        assert_eq!(creator.uid, uid);
        assert!(known.created_at_ms > 0 && known.last_used_ms.is_none());
        assert!(known.until_ms.unwrap().abs_diff(until) < 60_000);
        assert_eq!(known.ranges, ["192.168.1.0/24", "10.0.0.7/32"]);
        token
    });
    let log = command(dir.path(), "audit log --json").out;
    assert!(!log.contains(&token.secret) && log.contains(&token.token_id), "{log}");
}

#[test]
fn what_cannot_be_made_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        made(&mut host, order("taken", "operator.read")).await;
        let invalid = (Code::InvalidArgument, "INVALID_REQUEST");
        let with_range = |range: &str| CreateTokenRequest {
            ranges: vec![range.into()],
            ..order("x", "operator.read")
        };
        let over = CreateTokenRequest { until_ms: Some(1), ..order("x", "operator.read") };
        let many = CreateTokenRequest {
            ranges: (0..33).map(|n| format!("10.0.{n}.0/24")).collect(),
            ..order("x", "operator.read")
        };
        for (asked, expected) in [
            (order("taken", "operator.read"), (Code::AlreadyExists, "NAME_TAKEN")),
            (order("", "operator.read"), invalid),
            (order("x", "Operator.Read"), invalid),
            (with_range("home"), invalid),
            (over, (Code::InvalidArgument, "ALREADY_OVER")),
            (many, (Code::ResourceExhausted, "LIMIT_REACHED")),
        ] {
            let name = asked.name.clone();
            let (code, stable) = refusal(host.tokens.create_token(asked).await);
            assert_eq!((code, stable.as_str()), expected, "{name:?}");
        }
        let token_id = "00000000-0000-4000-8000-000000000000".to_owned();
        let unknown = (Code::NotFound, "UNKNOWN_TOKEN".to_owned());
        let rotate = RotateServiceTokenRequest { token_id: token_id.clone() };
        assert_eq!(refusal(host.tokens.rotate_service_token(rotate).await), unknown);
        let revoke = RevokeServiceTokenRequest { token_id, force_reason: None };
        assert_eq!(refusal(host.tokens.revoke_service_token(revoke).await), unknown);
    });
}

/// N3 A3.2, A3.5: the token acts, and the record says so; the host's authority is not its own.
#[test]
fn a_token_acts_with_its_own_scopes_and_in_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let request = gateway.ask(1, "operator.read");
    assert_eq!(command(dir.path(), &format!("devices approve {request}")).code, 0);
    let device_id = doorward::domain::ids::DeviceId([1; 32]).to_string();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let holds = "operator.admin operator.read";
        let token = made(&mut host, order("automation", holds)).await;
        let reader = made(&mut host, order("reader", "operator.read")).await;
        for (way, transport) in
            [(Way::Socket, Transport::AdminSocket), (Way::Network, Transport::Grpc)]
        {
            let carried = Carried::bearer(&token.secret).and("doorward-request-id", "r-7");
            let mut automation = Client::connect(&gateway, way, carried).await;
            let label = format!("{way:?}");
            let rename = RenameDeviceRequest { device_id: device_id.clone(), label };
            let seq = automation.pairing.rename_device(rename.clone()).await.unwrap();
            let seq = seq.into_inner().seq.unwrap();

            let mut limited = Client::with(&gateway, way, &reader.secret).await;
            limited.gateway.status(StatusRequest {}).await.unwrap();
            let refused = refusal(limited.pairing.rename_device(rename).await);
            assert_eq!(refused, (Code::PermissionDenied, "MISSING_SCOPE".into()), "{way:?}");

            let tail = TailRequest {
                start: Some(Start::FromSeq(seq)),
                limit: Some(1),
                ..Default::default()
            };
            let mut records = host.ledger.tail(tail).await.unwrap().into_inner();
            let record = records.message().await.unwrap().unwrap().record.unwrap();
            let Some(Kind::ServiceToken(by)) = record.principal.unwrap().kind else { panic!() };
            assert_eq!(by.token_id, token.token_id);
            assert_eq!(record.authority_seq, token.seq);
            let via = record.via.unwrap();
            assert_eq!(via.transport(), transport);
            assert_eq!(via.request.as_deref(), Some("r-7"));
            let (address, connection) = (via.address.as_deref(), via.connection.unwrap());
            match way {
                Way::Socket => assert_eq!((address, &connection[..4]), (None, "pid ")),
                Way::Network => {
                    assert_eq!((address, &connection[..14]), (Some("127.0.0.1"), "tcp 127.0.0.1:"));
                }
            }
        }
        let used = listed(&mut host).await;
        assert!(used.iter().all(|token| token.last_used_ms.is_some()), "{used:?}");
    });
}

/// N3 A3.3, N10 A10.2
#[test]
fn rotation_and_revocation_reach_the_token_that_they_name_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let one = made(&mut host, order("one", "operator.read")).await;
        let other = made(&mut host, order("other", "operator.read")).await;
        for way in WAYS {
            let mut first = Client::with(&gateway, way, &one.secret).await;
            let mut second = Client::with(&gateway, way, &other.secret).await;
            let mut shared = Client::with(&gateway, way, SHARED).await;
            for caller in [&mut first, &mut second, &mut shared] {
                caller.gateway.status(StatusRequest {}).await.unwrap();
            }
        }
        let wrong_secret = (Code::Unauthenticated, "AUTH_TOKEN_MISMATCH".to_owned());
        let no_token = (Code::Unauthenticated, "SERVICE_TOKEN_INVALID".to_owned());

        // The shared secret is replaced: its own callers are out, the tokens are not.
        let strong = "another-shared-token-for-tests".to_owned();
        let rotate = RotateSecretRequest { secret: Some(strong.clone()) };
        host.secret.rotate_secret(rotate).await.unwrap();
        for way in WAYS {
            let mut first = Client::with(&gateway, way, &one.secret).await;
            first.gateway.status(StatusRequest {}).await.unwrap();
            let mut old = Client::with(&gateway, way, SHARED).await;
            assert_eq!(refusal(old.gateway.status(StatusRequest {}).await), wrong_secret);
            let mut new = Client::with(&gateway, way, &strong).await;
            new.gateway.status(StatusRequest {}).await.unwrap();
        }

        // A token's secret is replaced: the old one is no good, also where it was in use.
        let mut in_use = Client::with(&gateway, Way::Network, &one.secret).await;
        in_use.gateway.status(StatusRequest {}).await.unwrap();
        let rotate = RotateServiceTokenRequest { token_id: one.token_id.clone() };
        let rotated = host.tokens.rotate_service_token(rotate).await.unwrap().into_inner();
        assert_ne!(rotated.secret, one.secret);
        assert_eq!(refusal(in_use.gateway.status(StatusRequest {}).await), no_token);
        let mut renewed = Client::with(&gateway, Way::Network, &rotated.secret).await;
        renewed.gateway.status(StatusRequest {}).await.unwrap();
        let rotated_at: Vec<_> =
            listed(&mut host).await.iter().map(|token| token.rotated_at_ms.is_some()).collect();
        assert_eq!(rotated_at.iter().filter(|rotated| **rotated).count(), 1);

        // It is revoked: it is no good, and the other one is.
        let revoke =
            RevokeServiceTokenRequest { token_id: one.token_id.clone(), force_reason: None };
        host.tokens.revoke_service_token(revoke).await.unwrap();
        assert_eq!(refusal(renewed.gateway.status(StatusRequest {}).await), no_token);
        let mut second = Client::with(&gateway, Way::Network, &other.secret).await;
        second.gateway.status(StatusRequest {}).await.unwrap();
        assert_eq!(listed(&mut host).await.len(), 1);
    });
}

/// N3 A3.4, for every pair of scopes: a creator gives what it holds and nothing else.
#[test]
fn no_creator_mints_what_it_does_not_hold() {
    use doorward::domain::scope::{Known, ScopeSet};
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for held in Known::ALL {
            let holds = ScopeSet::from_iter([*held, Known::Pairing]);
            let names = format!("{} operator.pairing", held.name());
            let creator = made(&mut host, order(held.name(), &names)).await;
            let mut creator = Client::with(&gateway, Way::Network, &creator.secret).await;
            for asked in Known::ALL {
                let name = format!("{} by {}", asked.name(), held.name());
                let outcome = creator.tokens.create_token(order(&name, asked.name())).await;
                match holds.satisfies_known(*asked) {
                    true => drop(outcome.unwrap()),
                    false => {
                        let beyond = (Code::PermissionDenied, "BEYOND_APPROVER".to_owned());
                        assert_eq!(refusal(outcome), beyond, "{name}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_token_is_good_within_its_time_and_its_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let within = |name: &str, range: &str| CreateTokenRequest {
            ranges: vec![range.into()],
            ..order(name, "operator.read")
        };
        let here = made(&mut host, within("here", "127.0.0.0/8")).await;
        let there = made(&mut host, within("there", "192.0.2.0/24")).await;
        for way in WAYS {
            let mut good = Client::with(&gateway, way, &here.secret).await;
            good.gateway.status(StatusRequest {}).await.unwrap();
            let mut bad = Client::with(&gateway, way, &there.secret).await;
            let refused = refusal(bad.gateway.status(StatusRequest {}).await);
            assert_eq!(refused, (Code::Unauthenticated, "SERVICE_TOKEN_ADDRESS".into()), "{way:?}");
        }
        let soon = CreateTokenRequest {
            until_ms: Some(clock::unix_millis() + 600),
            ..order("soon", "operator.read")
        };
        let soon = made(&mut host, soon).await;
        let mut brief = Client::with(&gateway, Way::Network, &soon.secret).await;
        let waiting = Stopwatch::start();
        let ended = loop {
            assert!(waiting.elapsed() < Duration::from_secs(20), "it does not end");
            match brief.gateway.status(StatusRequest {}).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                refused => break refusal(refused),
            }
        };
        assert_eq!(ended.0, Code::Unauthenticated);
        assert!(
            ["SERVICE_TOKEN_EXPIRED", "SERVICE_TOKEN_INVALID"].contains(&&*ended.1),
            "{ended:?}"
        );
    });
}
