//! Over real sockets: what the client of a session sees when its authority changes, and what those
//! see whom it does not concern.

use std::{sync::Arc, time::Duration};

use doorward::{
    domain::{
        ids::{DeviceId, RequestId, TokenId},
        operation::Operation,
        permit,
        principal::{Rule, Standing, Subject},
        refusal::Refusal,
        registry::{Command, Terms, session::Ending},
        scope::{Known, Role, ScopeSet},
        time::UnixMillis,
    },
    fronts::cli::client::{Auth, Closed, ConnectOptions, Session},
    ledger::record::{Transport, Via},
    service::TokenOrder,
    support::{clock, device_key::DeviceKey, secret::Secret},
};
use serde_json::json;

use super::gateway::Gateway;
use crate::house::{block_on, shared, with_device_token};

const HOST: fn() -> Standing = || Standing::host(0);

fn id_of(device: &DeviceKey) -> DeviceId {
    DeviceId::parse(device.id()).unwrap()
}

/// One that comes and goes, so that its presence is no news.
fn node(device: &Arc<DeviceKey>) -> ConnectOptions {
    ConnectOptions { role: "node".into(), ..shared(&[]).with_device(Arc::clone(device)) }
}

fn by_service_token(secret: &Secret<String>) -> ConnectOptions {
    let auth = Auth::token(secret.clone());
    ConnectOptions { auth, ..ConnectOptions::operator(None, &["operator.read"]) }
}

/// Why the session is closed; whatever it is told before goes into `told`.
async fn closed(session: &mut Session, told: &mut Vec<serde_json::Value>) -> Closed {
    loop {
        match session.next_frame().await {
            Ok(frame) => told.push(frame),
            Err(closed) => return closed,
        }
    }
}

/// The session goes on, and was told nothing at all.
async fn assert_undisturbed(session: &mut Session, what: &str) {
    let id = session.send_request("health", json!({})).await.unwrap();
    let next = session.next_frame().await.unwrap_or_else(|closed| panic!("{what}: {closed:?}"));
    assert_eq!(next["id"], id.as_str(), "{what}: {next}");
}

/// Everyone who can be connected: two sessions of one device, its node, another device, the shared
/// secret, two service tokens.
struct Crowd {
    device: Arc<DeviceKey>,
    token: TokenId,
    sessions: Vec<(&'static str, Session)>,
}

impl Crowd {
    async fn gather(gateway: &Gateway) -> Self {
        let (device, other) = (Arc::new(DeviceKey::generate()), Arc::new(DeviceKey::generate()));
        let reads = shared(&["operator.read"]);
        let a = reads.clone().with_device(Arc::clone(&device));
        let b = reads.clone().with_device(other);
        let order = |name: &str| TokenOrder {
            name: name.into(),
            scopes: ScopeSet::from_iter([Known::Read]),
            until: None,
            ranges: vec![],
        };
        let via = Via::internal;
        let one = gateway.service.create_token(&HOST(), via(), order("one")).await.unwrap();
        let two = gateway.service.create_token(&HOST(), via(), order("two")).await.unwrap();
        let clients = [
            ("device", a.clone()),
            ("device again", a),
            ("its node", node(&device)),
            ("other device", b),
            ("secret", reads),
            ("token", by_service_token(&one.secret)),
            ("other token", by_service_token(&two.secret)),
        ];
        let mut sessions = vec![];
        for (name, options) in clients {
            sessions.push((name, gateway.connect(&options).await));
        }
        Self { device, token: one.id, sessions }
    }
}

/// N10 A10.1, A10.2, N3 A3.3: each way to end authority closes exactly the sockets that stood on it,
/// with words of its own.
#[test]
fn n10_a10_1_exactly_the_concerned_sockets_are_closed() {
    for why in Ending::ALL {
        let concerned: &[&str] = match why {
            Ending::DeviceRemoved => &["device", "device again", "its node"],
            Ending::TokenRevoked | Ending::TokenRotated => &["device", "device again"],
            Ending::SecretRotated => &["secret"],
            Ending::ServiceTokenRevoked | Ending::ServiceTokenRotated => &["token"],
            // The end that comes by itself has a test of its own; and only a start adopts a policy,
            // when nobody is connected.
            Ending::Expired | Ending::PolicyChanged => continue,
        };
        block_on(async {
            let gateway = Gateway::start();
            let mut crowd = Crowd::gather(&gateway).await;
            end(&gateway, &crowd, *why).await;
            for (name, session) in &mut crowd.sessions {
                if concerned.contains(name) {
                    let mut told = vec![];
                    let closed = closed(session, &mut told).await;
                    assert_eq!(
                        (closed.code, closed.reason.as_str()),
                        (4001, why.words()),
                        "{name}"
                    );
                    assert!(told.is_empty(), "{why:?}: {name} was told {told:?}");
                } else {
                    assert_undisturbed(session, &format!("{why:?}: {name}")).await;
                }
            }
        });
    }
}

/// Ends the authority of the crowd's device or token, or of the shared secret.
async fn end(gateway: &Gateway, crowd: &Crowd, why: Ending) {
    let (service, host, via) = (&gateway.service, HOST(), Via::internal());
    let (device, role) = (id_of(&crowd.device), Role::Operator);
    match why {
        Ending::DeviceRemoved => {
            service.remove_device(&host, via, device, None).await.map(drop).unwrap();
        }
        Ending::TokenRevoked => {
            service.revoke_token(&host, via, device, role, None).await.map(drop).unwrap();
        }
        Ending::TokenRotated => {
            service.rotate_token(&host, via, device, role, None).await.map(drop).unwrap();
        }
        Ending::SecretRotated => service.rotate_secret(&host, via, None).await.map(drop).unwrap(),
        Ending::ServiceTokenRevoked => {
            service.revoke_service_token(&host, via, crowd.token, None).await.map(drop).unwrap();
        }
        Ending::ServiceTokenRotated => {
            service.rotate_service_token(&host, via, crowd.token).await.map(drop).unwrap();
        }
        Ending::Expired | Ending::PolicyChanged => unreachable!(),
    }
}

/// A session of a device that asks for what no rule may give, let in on a grant with an end.
async fn until_soon(gateway: &Gateway, device: &Arc<DeviceKey>, asked: &str) -> (Session, u64) {
    let options = shared(&["operator.read", asked]).with_device(Arc::clone(device));
    let refused = gateway.refused(&options).await;
    let request = RequestId::parse(refused.details["requestId"].as_str().unwrap()).unwrap();
    let until = clock::unix_millis() + 200;
    let terms = Terms { until: Some(UnixMillis(until)), ..Terms::default() };
    gateway.service.approve(&HOST(), Via::internal(), request, None, terms).await.unwrap();
    (gateway.connect(&options).await, until)
}

/// As the sweeper does, once the time has come.
async fn sweep(gateway: &Gateway, device: &Arc<DeviceKey>, until: u64) {
    // By all clocks, which may round differently.
    while clock::unix_millis() < until + 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let permit = permit::authorize(&Standing::system(Rule::Expiry), Operation::EndGrant).unwrap();
    let subject = Subject::Device(id_of(device), Role::Operator);
    let command = Command::EndGrant { subject, now: UnixMillis(until) };
    let committed = gateway.registry.execute(permit, command, Via::internal()).await.unwrap();
    assert_eq!(committed.events.len(), 1);
}

/// N16 A16.1: what a grant with an end gave is gone when it ends; the session is told, goes on with
/// what is left, and is measured by that.
#[test]
fn n16_a16_1_a_grant_that_ends_narrows_its_session() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let plain = shared(&["operator.read"]).with_device(Arc::clone(&device));
        gateway.connect(&plain).await.close().await;
        let (mut session, until) = until_soon(&gateway, &device, "plugin.x").await;
        let mut other = gateway.connect(&plain).await;
        assert_eq!(session.hello["auth"]["scopes"], json!(["operator.read", "plugin.x"]));
        sweep(&gateway, &device, until).await;
        let told = session.event("doorward.session.changed").await.unwrap();
        let expected = json!({
            "scopes": ["operator.read"],
            "code": "SESSION_NARROWED",
            "reason": "grant expired",
            "remedy": "connect asking for plugin.x; if pairing is then required: doorward devices \
                       approve; without a device: doorward tokens create --name <client> --scope \
                       plugin.x",
        });
        assert_eq!(told["payload"], expected);
        assert_eq!(told.get("seq"), None, "targeted events are not counted");
        session.request("health", json!({})).await.unwrap();
        assert_undisturbed(&mut other, "it never had more").await;
        let held = gateway.connect(&shared(&[]).with_device(device)).await;
        assert_eq!(
            held.hello["auth"]["scopes"], told["payload"]["scopes"],
            "and so it is from now on"
        );
    });
}

/// Where nothing is left, the session is closed.
#[test]
fn n16_a16_1_a_grant_that_ends_with_nothing_beneath_closes_its_session() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let (mut session, until) = until_soon(&gateway, &device, "plugin.x").await;
        sweep(&gateway, &device, until).await;
        let closed = closed(&mut session, &mut vec![]).await;
        assert_eq!((closed.code, closed.reason.as_str()), (4001, "grant expired"));
    });
}

/// N4 A4.2: a device that rotates its own token goes on where it asked, with what is left of its
/// scopes; its other connections come back for the new token.
#[test]
fn n4_a4_2_a_rotation_leaves_the_socket_open_on_which_it_was_asked_for() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let options =
            shared(&["operator.read", "operator.pairing"]).with_device(Arc::clone(&device));
        let mut here = gateway.connect(&options).await;
        let mut there = gateway.connect(&options).await;
        let via = Via {
            transport: Transport::WebSocket,
            connection: Some(here.hello["server"]["connId"].as_str().unwrap().to_owned()),
            ..Via::internal()
        };
        let who = gateway.standing(&device);
        let reads = ScopeSet::from_iter([Known::Read]);
        let rotating =
            gateway.service.rotate_token(&who, via, id_of(&device), Role::Operator, Some(reads));
        let rotated = rotating.await.unwrap();
        let told = here.event("doorward.session.changed").await.unwrap();
        assert_eq!(told["payload"]["scopes"], json!(["operator.read"]));
        here.request("health", json!({})).await.unwrap();
        let denied = here.request("device.pair.list", json!({})).await.unwrap_err();
        assert_eq!(denied.refusal().unwrap().details["code"], "MISSING_SCOPE");
        let closed = closed(&mut there, &mut vec![]).await;
        assert_eq!((closed.code, closed.reason.as_str()), (4001, "device token rotated"));
        let asks = ConnectOptions { scopes: vec![], ..options };
        let token = rotated.token.unwrap();
        let back = gateway.connect(&with_device_token(&asks, token.expose())).await;
        assert_eq!(back.hello["auth"]["scopes"], json!(["operator.read"]));
    });
}

/// N4 A4.2: someone else rotates: the device comes back with its old token, once, and is handed the
/// new one.
#[test]
fn n4_a4_2_a_rotated_device_fetches_its_new_token_with_the_old_one() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let options = shared(&["operator.read"]).with_device(Arc::clone(&device));
        let mut session = gateway.connect(&options).await;
        let old = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let (host, via) = (HOST(), Via::internal());
        let rotating =
            gateway.service.rotate_token(&host, via, id_of(&device), Role::Operator, None);
        assert!(rotating.await.unwrap().token.is_none(), "withheld");
        let ended = closed(&mut session, &mut vec![]).await;
        assert_eq!((ended.code, ended.reason.as_str()), (4001, "device token rotated"));
        let back = gateway.connect(&with_device_token(&options, &old)).await;
        let new = back.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        assert_ne!(old, new);
        let mut confirmed = gateway.connect(&with_device_token(&options, &new)).await;
        assert_eq!(confirmed.hello["auth"].get("deviceToken"), None);
        let refused = gateway.refused(&with_device_token(&options, &old)).await;
        assert_eq!(refused.details_code(), Some("AUTH_DEVICE_TOKEN_MISMATCH"));
        assert_undisturbed(&mut confirmed, "and nobody else's attempt ends its session").await;
    });
}

/// A session that holds "what it has" follows its grant when that grows.
#[test]
fn an_approved_upgrade_reaches_the_session_that_is_connected() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let first = shared(&["operator.read"]).with_device(Arc::clone(&device));
        gateway.connect(&first).await.close().await;
        let all = ConnectOptions { scopes: vec![], ..first.clone() };
        let mut session = gateway.connect(&all).await;
        let mut narrow = gateway.connect(&first).await;
        let denied = session.request("device.pair.list", json!({})).await.unwrap_err();
        assert_eq!(denied.refusal().unwrap().details["code"], "MISSING_SCOPE");
        // The local policy approves what a local client asks for.
        let more = ConnectOptions {
            scopes: vec!["operator.read".into(), "operator.pairing".into()],
            ..first
        };
        gateway.connect(&more).await.close().await;
        let told = session.event("doorward.session.changed").await.unwrap();
        let expected = json!({
            "scopes": ["operator.read", "operator.pairing"],
            "code": "SESSION_WIDENED",
            "reason": "grant widened",
        });
        assert_eq!(told["payload"], expected);
        session.request("device.pair.list", json!({})).await.unwrap();
        assert_undisturbed(&mut narrow, "it asked for no more").await;
    });
}

/// From the moment when the revocation is acknowledged, no call of the session is served, whether it
/// has heard of it or not.
#[test]
fn what_is_acknowledged_as_revoked_is_served_no_call() {
    block_on(async {
        let gateway = Gateway::start();
        for _ in 0..20 {
            let device = Arc::new(DeviceKey::generate());
            let options = shared(&["operator.read"]).with_device(Arc::clone(&device));
            let mut session = gateway.connect(&options).await;
            let (host, via) = (HOST(), Via::internal());
            let (id, role) = (id_of(&device), Role::Operator);
            gateway.service.revoke_token(&host, via, id, role, None).await.unwrap();
            // Either the call cannot be sent any more, or it is answered with the close.
            let _ = session.send_request("health", json!({})).await;
            let mut told = vec![];
            let closed = closed(&mut session, &mut told).await;
            assert_eq!(closed.reason, "device token revoked");
            assert!(told.is_empty(), "{told:?}");
        }
    });
}

/// N10 A10.1: a call that was under way when its authority ended is refused where it is decided.
#[test]
fn n10_a10_1_a_call_under_way_is_refused_once_its_authority_has_ended() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let options =
            shared(&["operator.read", "operator.pairing"]).with_device(Arc::clone(&device));
        gateway.connect(&options).await.close().await;
        let who = gateway.standing(&device);
        let permit = permit::authorize(&who, Operation::RenameDevice).unwrap();
        let (host, id, role) = (HOST(), id_of(&device), Role::Operator);
        gateway.service.revoke_token(&host, Via::internal(), id, role, None).await.unwrap();
        let command = Command::RenameDevice { device: id, label: "mine".into() };
        let refused = gateway.registry.execute(permit, command, Via::internal()).await;
        assert_eq!(refused.map(drop), Err(Refusal::GrantEnded));
    });
}
