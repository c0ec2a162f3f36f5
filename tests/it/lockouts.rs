//! Wrong credentials over real sockets (N11): who is locked out, who is not, and what the ledger and
//! the command line say of it.

mod bearers;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use doorward::{
    fronts::cli::client::{self, Auth, ConnectOptions, Refusal},
    support::{clock::Stopwatch, device_key::DeviceKey, secret::Secret},
};
use serde_json::{Value, json};

use crate::house::{Gateway, block_on, lan_address, shared, with_device_token};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The default number of wrong credentials that are borne.
const MAX: usize = 10;

/// On every interface, with these members of `gateway.auth.rateLimit`. What was counted drains so
/// slowly that a test cannot be too slow for it.
fn on_the_lan(rate_limit: &str) -> Gateway {
    let rate_limit = format!("windowMs: 3600000, {rate_limit}");
    Gateway::start(&format!("{{gateway: {{bind: 'lan', auth: {{rateLimit: {{{rate_limit}}}}}}}}}"))
}

/// One attempt: let in, or what was said instead.
async fn knock(gateway: &Gateway, at: IpAddr, options: &ConnectOptions) -> Result<(), Refusal> {
    match client::connect(&gateway.url_at(at), options).await {
        Ok(session) => {
            session.close().await;
            Ok(())
        }
        Err(error) => Err(error.refusal().unwrap_or_else(|| panic!("{error}")).clone()),
    }
}

/// The finer code of one attempt; `ok` if it succeeds.
async fn code(gateway: &Gateway, at: IpAddr, options: &ConnectOptions) -> String {
    match knock(gateway, at, options).await {
        Ok(()) => "ok".into(),
        Err(refusal) => refusal.details_code().unwrap_or(&refusal.code).to_owned(),
    }
}

fn right() -> ConnectOptions {
    shared(&["operator.read"])
}

fn with(auth: Auth) -> ConnectOptions {
    ConnectOptions { auth, ..right() }
}

fn wrong() -> ConnectOptions {
    with(Auth::token(secret("not-the-token")))
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// As often as it takes to be locked out; each is answered with what is wrong.
async fn fail(gateway: &Gateway, at: IpAddr, options: &ConnectOptions, times: usize, say: &str) {
    for time in 0..times {
        assert_eq!(code(gateway, at, options).await, say, "attempt {time}");
    }
}

/// The records of this kind, oldest first.
fn records(gateway: &Gateway, kind: &str) -> Vec<Value> {
    let log = gateway.doorward(&["audit", "log", "--from", "0", "--limit", "10000", "--json"]);
    let log = String::from_utf8(log.stdout).unwrap();
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["event"]["kind"] == kind).collect()
}

/// A device that the local policy paired, and its token.
async fn paired(gateway: &Gateway) -> (ConnectOptions, ConnectOptions) {
    let with_secret = right().with_device(Arc::new(DeviceKey::generate()));
    let session = gateway.connect(&with_secret).await.unwrap();
    let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    let with_token = with_device_token(&with_secret, &token);
    (with_secret, with_token)
}

#[test]
fn n11_a11_1_a_paired_device_is_never_locked_out_by_others_behind_its_address() {
    block_on(async {
        let gateway = on_the_lan("");
        let lan = lan_address();
        let (with_secret, with_token) = paired(&gateway).await;
        let stranger =
            with_device_token(&wrong().with_device(Arc::new(DeviceKey::generate())), "x");
        fail(&gateway, lan, &wrong(), MAX, "AUTH_TOKEN_MISMATCH").await;
        fail(&gateway, lan, &stranger, MAX, "AUTH_DEVICE_TOKEN_MISMATCH").await;
        // A valid signature of a device that nobody paired is worth nothing here.
        for locked in [&right(), &stranger, &right().with_device(Arc::new(DeviceKey::generate()))] {
            assert_eq!(code(&gateway, lan, locked).await, "AUTH_RATE_LIMITED");
        }
        for device in [&with_token, &with_secret] {
            assert_eq!(code(&gateway, lan, device).await, "ok");
        }
        // Neither are this machine's programs and the owner's own commands.
        assert_eq!(code(&gateway, HERE, &right()).await, "ok");
    });
}

#[test]
fn n11_a11_1_what_a_paired_device_does_locks_nobody_else_out() {
    block_on(async {
        let gateway = on_the_lan("");
        let lan = lan_address();
        let (with_secret, _) = paired(&gateway).await;
        let guessing = ConnectOptions { auth: wrong().auth, ..with_secret.clone() };
        fail(&gateway, lan, &guessing, MAX, "AUTH_TOKEN_MISMATCH").await;
        let refusal = knock(&gateway, lan, &guessing).await.unwrap_err();
        assert_eq!(refusal.details_code(), Some("AUTH_RATE_LIMITED"));
        // It waits for its next try, a tenth of the window, and not for the end of a lockout.
        let wait = refusal.retry_after_ms.unwrap();
        assert!((300_001..=360_000).contains(&wait), "{refusal:?}");
        assert_eq!(code(&gateway, lan, &right()).await, "ok");
        assert_eq!(records(&gateway, "locked_out"), [Value::Null; 0]);
    });
}

#[test]
fn n11_a11_2_a_lockout_is_one_event_that_survives_a_restart_and_can_be_lifted() {
    let mut gateway = on_the_lan("");
    let lan = lan_address();
    block_on(async {
        fail(&gateway, lan, &wrong(), MAX, "AUTH_TOKEN_MISMATCH").await;
        fail(&gateway, lan, &wrong(), 20, "AUTH_RATE_LIMITED").await;
    });
    let record = &records(&gateway, "locked_out")[..];
    let [record] = record else { panic!("{record:?}") };
    let details = &record["event"]["details"];
    let (address, failures) = (lan.to_string(), format!("AUTH_TOKEN_MISMATCH={MAX}"));
    assert_eq!(
        (&details["class"], &details["address"]),
        (&json!("shared-secret"), &json!(address))
    );
    assert_eq!(details["failures"], failures, "{details}");
    let until: u64 = details["until"].as_str().unwrap().parse().unwrap();
    let lasts = until.abs_diff(record["timeMs"].as_u64().unwrap() + 300_000);
    assert!(lasts < 60_000, "{record}");
    assert_eq!(record["principal"], json!({"kind": "system", "rule": "rate_limit"}));
    assert_eq!(
        (&record["via"]["transport"], &record["via"]["address"]),
        (&json!("websocket"), &json!(address))
    );
    gateway.kill();
    gateway.run();
    let refusal = block_on(knock(&gateway, lan, &right())).unwrap_err();
    assert_eq!(refusal.details_code(), Some("AUTH_RATE_LIMITED"));
    let listed = gateway.json(&["lockouts"]);
    assert_eq!(listed["lockouts"][0]["untilMs"], until, "{listed}");
    assert_eq!(listed["lockouts"][0]["failures"], json!({"AUTH_TOKEN_MISMATCH": MAX}));
    let text = String::from_utf8(gateway.doorward(&["lockouts"]).stdout).unwrap();
    assert!(text.contains(&address) && text.contains("10 AUTH_TOKEN_MISMATCH"), "{text}");
    for (args, cleared) in [
        (&["--class", "setup-code"][..], json!([])),
        (&["--address", "192.0.2.1"], json!([])),
        (&["--address", &address], json!([{"class": "shared-secret", "address": address}])),
    ] {
        let done = gateway.json(&[&["lockouts", "clear"], args].concat());
        assert_eq!(done["cleared"], cleared, "{args:?}");
    }
    assert_eq!(block_on(code(&gateway, lan, &right())), "ok");
    assert_eq!(records(&gateway, "lockout_cleared").len(), 1);
    assert_eq!(gateway.json(&["lockouts"])["lockouts"], json!([]));
}

#[test]
fn n11_a11_2_a_lockout_ends_by_itself() {
    block_on(async {
        let gateway = on_the_lan("lockoutMs: 4000");
        let lan = lan_address();
        fail(&gateway, lan, &wrong(), MAX, "AUTH_TOKEN_MISMATCH").await;
        let refusal = knock(&gateway, lan, &right()).await.unwrap_err();
        let wait = refusal.retry_after_ms.unwrap();
        assert!((1..=4000).contains(&wait), "{refusal:?}");
        tokio::time::sleep(Duration::from_millis(wait)).await;
        assert_eq!(code(&gateway, lan, &right()).await, "ok");
        assert_eq!(gateway.json(&["lockouts"])["lockouts"], json!([]));
    });
}

/// Row by row: what is refused again and again and never counts.
#[test]
fn n11_a11_3_what_never_counts() {
    block_on(async {
        let gateway = on_the_lan("");
        let lan = lan_address();
        let (with_secret, with_token) = paired(&gateway).await;
        let signed_over_another_token = |options: &ConnectOptions| {
            let extra = json!({"auth": {"token": "another"}}).as_object().unwrap().clone();
            ConnectOptions { extra, ..options.clone() }
        };
        let wide = ConnectOptions { scopes: vec!["operator.admin".into()], ..with_token.clone() };
        let fresh = || Arc::new(DeviceKey::generate());
        for (name, options, say) in [
            ("nothing at all", with(Auth::default()), "DEVICE_IDENTITY_REQUIRED"),
            ("an empty token", with(Auth::token(secret(""))), "DEVICE_IDENTITY_REQUIRED"),
            (
                "a device, no secret",
                with(Auth::default()).with_device(fresh()),
                "AUTH_TOKEN_MISSING",
            ),
            ("not paired", right().with_device(fresh()), "PAIRING_REQUIRED"),
            ("more than granted", wide, "AUTH_SCOPE_MISMATCH"),
            (
                "a faulty signature",
                signed_over_another_token(&with_secret),
                "DEVICE_AUTH_SIGNATURE_INVALID",
            ),
        ] {
            fail(&gateway, lan, &options, MAX + 1, say).await;
            assert_eq!(code(&gateway, lan, &right()).await, "ok", "{name}");
        }
        assert_eq!(records(&gateway, "locked_out"), [Value::Null; 0]);
    });
}

/// Row by row: what counts, and that it locks its own class alone and says when to come back.
#[test]
fn n11_a11_3_what_counts_counts_by_class() {
    let device = || Arc::new(DeviceKey::generate());
    let device_token = Auth::device_token(secret("x"));
    let setup_code = Auth { bootstrap_token: Some(secret("x")), ..Auth::default() };
    let rows = [
        ("shared-secret", wrong(), "AUTH_TOKEN_MISMATCH"),
        ("device-token", with(device_token).with_device(device()), "AUTH_DEVICE_TOKEN_MISMATCH"),
        ("service-token", with(Auth::token(secret("dwst_x"))), "AUTH_TOKEN_MISMATCH"),
        ("setup-code", with(setup_code).with_device(device()), "AUTH_BOOTSTRAP_TOKEN_INVALID"),
    ];
    block_on(async {
        for (at, (class, options, say)) in rows.iter().enumerate() {
            let gateway = on_the_lan("");
            let lan = lan_address();
            fail(&gateway, lan, options, MAX, say).await;
            let refusal = knock(&gateway, lan, options).await.unwrap_err();
            assert_eq!(refusal.details_code(), Some("AUTH_RATE_LIMITED"), "{class}");
            let message = "unauthorized: too many failed authentication attempts (retry later)";
            assert_eq!(
                (refusal.code.as_str(), refusal.message.as_str()),
                ("INVALID_REQUEST", message)
            );
            assert_eq!(refusal.details["recommendedNextStep"], "wait_then_retry");
            assert!(refusal.retryable, "{refusal:?}");
            assert!((1..=300_000).contains(&refusal.retry_after_ms.unwrap()), "{refusal:?}");
            assert_eq!(gateway.json(&["lockouts"])["lockouts"][0]["class"], *class);
            for (_, options, say) in
                rows.iter().enumerate().filter(|row| row.0 != at).map(|row| row.1)
            {
                assert_eq!(code(&gateway, lan, options).await, *say, "{class} locked");
            }
        }
    });
}

/// Programs on this machine are slowed and not locked out; pages in its browsers are locked out,
/// and so is everyone here if the configuration says so.
#[test]
fn n11_loopback_is_exempt_and_its_browsers_are_not() {
    block_on(async {
        let page = |options: ConnectOptions| ConnectOptions {
            headers: vec![("Origin".into(), "http://localhost:5173".into())],
            ..options
        };
        let gateway = on_the_lan("windowMs: 40000");
        fail(&gateway, HERE, &wrong(), MAX, "AUTH_TOKEN_MISMATCH").await;
        let waiting = Stopwatch::start();
        fail(&gateway, HERE, &wrong(), 1, "AUTH_TOKEN_MISMATCH").await;
        // A tenth of the window, which is what a tenth of the tries is worth.
        assert!(waiting.elapsed() >= Duration::from_secs(4), "answered in {:?}", waiting.elapsed());
        assert_eq!(code(&gateway, HERE, &right()).await, "ok");
        fail(&gateway, HERE, &page(wrong()), MAX, "AUTH_TOKEN_MISMATCH").await;
        assert_eq!(code(&gateway, HERE, &page(right())).await, "AUTH_RATE_LIMITED");
        assert_eq!(code(&gateway, HERE, &right()).await, "ok");

        let gateway = on_the_lan("exemptLoopback: false");
        fail(&gateway, HERE, &wrong(), MAX, "AUTH_TOKEN_MISMATCH").await;
        assert_eq!(code(&gateway, HERE, &right()).await, "AUTH_RATE_LIMITED");
        // The owner is not stranded: the host's own socket asks for no credential.
        assert_eq!(gateway.json(&["lockouts", "clear"])["cleared"].as_array().unwrap().len(), 1);
        assert_eq!(code(&gateway, HERE, &right()).await, "ok");
    });
}

#[test]
fn n11_a11_4_the_cap_over_all_addresses_holds_for_every_address() {
    block_on(async {
        let gateway = on_the_lan("maxAttempts: 5, globalMaxAttempts: 8, exemptLoopback: false");
        let lan = lan_address();
        let (_, with_token) = paired(&gateway).await;
        fail(&gateway, lan, &wrong(), 5, "AUTH_TOKEN_MISMATCH").await;
        assert_eq!(code(&gateway, HERE, &right()).await, "ok");
        fail(&gateway, HERE, &wrong(), 3, "AUTH_TOKEN_MISMATCH").await;
        assert_eq!(code(&gateway, HERE, &right()).await, "AUTH_RATE_LIMITED");
        assert_eq!(code(&gateway, HERE, &with_token).await, "ok");
        let of: Vec<_> = records(&gateway, "locked_out")
            .iter()
            .map(|record| record["event"]["details"]["address"].clone())
            .collect();
        assert_eq!(of, [json!(lan.to_string()), Value::Null]);
    });
}

/// Clients behind a trusted proxy are told apart; the proxy itself is never locked out.
#[test]
fn n11_a11_5_a_trusted_proxy_is_never_locked_out() {
    block_on(async {
        let gateway = Gateway::start(
            "{gateway: {trustedProxies: ['127.0.0.1'], auth: {rateLimit: {windowMs: 3600000}}}}",
        );
        let behind = |client: &str, options: ConnectOptions| ConnectOptions {
            headers: vec![("X-Forwarded-For".into(), client.into())],
            ..options
        };
        let (bad, good) = ("192.0.2.7", "192.0.2.8");
        // What the proxy says in its own name counts towards the cap over all, and nothing else.
        fail(&gateway, HERE, &wrong(), 2 * MAX, "AUTH_TOKEN_MISMATCH").await;
        assert_eq!(code(&gateway, HERE, &right()).await, "ok");
        fail(&gateway, HERE, &behind(bad, wrong()), MAX, "AUTH_TOKEN_MISMATCH").await;
        assert_eq!(code(&gateway, HERE, &behind(bad, right())).await, "AUTH_RATE_LIMITED");
        for client in [behind(good, right()), right()] {
            assert_eq!(code(&gateway, HERE, &client).await, "ok", "{:?}", client.headers);
        }
        let listed = gateway.json(&["lockouts"])["lockouts"].clone();
        let addresses: Vec<_> =
            listed.as_array().unwrap().iter().map(|lockout| &lockout["address"]).collect();
        assert_eq!(addresses, [bad]);
    });
}

/// A thousand bad connects add one record to the ledger, however they come.
#[test]
fn n11_a_flood_of_bad_connects_adds_one_record() {
    block_on(async {
        let gateway = on_the_lan("");
        let lan = lan_address();
        let before = gateway.json(&["status"])["ledgerSize"].as_u64().unwrap();
        let options = wrong();
        for _ in 0..20 {
            let burst = (0..50).map(|_| code(&gateway, lan, &options));
            futures_util::future::join_all(burst).await;
        }
        assert_eq!(code(&gateway, lan, &options).await, "AUTH_RATE_LIMITED");
        let after = gateway.json(&["status"])["ledgerSize"].as_u64().unwrap();
        assert_eq!(after - before, 1);
        let failures = records(&gateway, "locked_out")[0]["event"]["details"]["failures"].clone();
        assert_eq!(failures, format!("AUTH_TOKEN_MISMATCH={MAX}"));
    });
}

/// Over the wire: listing needs `operator.pairing`, lifting needs admin.
#[test]
fn lockouts_over_the_wire() {
    block_on(async {
        let gateway = on_the_lan("");
        let lan = lan_address();
        fail(&gateway, lan, &wrong(), MAX, "AUTH_TOKEN_MISMATCH").await;
        let mut pairing = gateway.connect(&shared(&["operator.pairing"])).await.unwrap();
        let listed = pairing.request("doorward.lockouts.list", json!({})).await.unwrap();
        let row = &listed["lockouts"][0];
        assert_eq!(
            (&row["class"], &row["address"]),
            (&json!("shared-secret"), &json!(lan.to_string()))
        );
        assert!(row["untilMs"].as_u64() > listed["nowMs"].as_u64(), "{listed}");
        let refused = pairing.request("doorward.lockouts.clear", json!({})).await.unwrap_err();
        assert_eq!(refused.refusal().unwrap().details_code(), Some("MISSING_SCOPE"));
        let mut admin = gateway.connect(&shared(&["operator.admin"])).await.unwrap();
        for params in [json!({"class": "magic"}), json!({"address": "home"}), json!({"all": true})]
        {
            let refused = admin.request("doorward.lockouts.clear", params).await.unwrap_err();
            assert_eq!(refused.code(), Some("INVALID_REQUEST"), "{refused}");
        }
        let params = json!({"class": "shared-secret", "address": lan.to_string()});
        let cleared = admin.request("doorward.lockouts.clear", params.clone()).await.unwrap();
        assert_eq!(cleared, json!({"cleared": [params]}));
        // What was counted towards the next one is forgotten too.
        for _ in 0..2 {
            fail(&gateway, lan, &wrong(), MAX - 1, "AUTH_TOKEN_MISMATCH").await;
            admin.request("doorward.lockouts.clear", json!({})).await.unwrap();
        }
        assert_eq!(code(&gateway, lan, &right()).await, "ok");
    });
}
