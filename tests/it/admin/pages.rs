//! Lists come in pages, which fit together while the state changes (AIP-158).

use std::collections::BTreeSet;

use doorward::{
    domain::time::UnixMillis,
    ledger::record::Transport,
    proto::v1::{
        ApprovePairingRequest, CreateTokenRequest, ListDevicesRequest, ListLockoutsRequest,
        ListTokensRequest, RemoveDeviceRequest, Scopes,
        lockout_service_client::LockoutServiceClient,
    },
    service::{AccessKey, AccessKind, AccessLog},
};
use tonic::Code;

use super::{
    client::{Client, refusal},
    gateway::{Gateway, block_on, doorward},
};

/// A gateway where devices 1, 3, 5 and 7 are paired, 2, 4 and 6 wait, and with three tokens.
fn populated() -> (tempfile::TempDir, Gateway) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    pair(&gateway, &[1, 3, 5, 7]);
    for n in [2, 4, 6] {
        gateway.ask(n, "operator.read");
    }
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for name in ["a", "b", "c"] {
            let scopes = Some(Scopes { names: vec!["operator.read".into()] });
            let order = CreateTokenRequest { name: name.into(), scopes, ..Default::default() };
            host.tokens.create_token(order).await.unwrap();
        }
    });
    (dir, gateway)
}

fn pair(gateway: &Gateway, devices: &[u8]) {
    let requests: Vec<_> = devices.iter().map(|n| gateway.ask(*n, "operator.read")).collect();
    block_on(async {
        let mut host = Client::host(gateway).await;
        for request_id in requests {
            let approval = ApprovePairingRequest { request_id, ..Default::default() };
            host.pairing.approve_pairing(approval).await.unwrap();
        }
    });
}

/// Requests and devices by the first byte of their device's id, in the order of a page.
async fn devices(host: &mut Client, page_size: i32, token: &str) -> (Vec<String>, String) {
    let request = ListDevicesRequest { page_size, page_token: token.into() };
    let page = host.pairing.list_devices(request).await.unwrap().into_inner();
    let waits = page.pending.iter().map(|one| format!("?{}", &one.device_id[1..2]));
    let paired = page.devices.iter().map(|one| one.device_id[1..2].to_owned());
    (waits.chain(paired).collect(), page.next_page_token)
}

#[test]
fn pages_of_devices_and_tokens_add_up_to_the_list() {
    let (_dir, gateway) = populated();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let all = ["?6", "?4", "?2", "1", "3", "5", "7"];
        assert_eq!(devices(&mut host, 0, "").await, (all.map(String::from).to_vec(), "".into()));
        for size in 1..=8 {
            let (mut seen, mut token, mut pages) = (vec![], String::new(), 0_usize);
            while pages == 0 || !token.is_empty() && pages < 10 {
                let (page, next) = devices(&mut host, size, &token).await;
                assert!(page.len() <= size as usize, "{size}: {page:?}");
                (seen, token, pages) = ([seen, page].concat(), next, pages + 1);
            }
            assert_eq!(
                (seen, pages),
                (all.map(String::from).to_vec(), 7_usize.div_ceil(size as usize))
            );
        }
        let (mut names, mut page_token) = (BTreeSet::new(), String::new());
        for left in [2, 1, 0] {
            let request = ListTokensRequest { page_size: 1, page_token };
            let page = host.tokens.list_tokens(request).await.unwrap().into_inner();
            names.extend(page.tokens.into_iter().map(|token| token.name));
            page_token = page.next_page_token;
            assert_eq!((names.len(), page_token.is_empty()), (3 - left, left == 0));
        }
    });
}

#[test]
fn what_stays_is_told_once_while_others_come_and_go() {
    let (_dir, gateway) = populated();
    let token = block_on(async {
        let mut host = Client::host(&gateway).await;
        let (first, token) = devices(&mut host, 5, "").await;
        assert_eq!(first, ["?6", "?4", "?2", "1", "3"]);
        // The device that the token names goes.
        let device_id = "03".repeat(32);
        let request = RemoveDeviceRequest { device_id, force_reason: None };
        host.pairing.remove_device(request).await.unwrap();
        token
    });
    // Some come before it, and some after.
    pair(&gateway, &[8, 0]);
    gateway.ask(9, "operator.read");
    let rest = block_on(async {
        let mut host = Client::host(&gateway).await;
        devices(&mut host, 0, &token).await
    });
    assert_eq!(rest, (vec!["5".into(), "7".into(), "8".into()], String::new()));
}

#[test]
fn a_token_is_for_its_list_and_a_size_is_not_negative() {
    let (_dir, gateway) = populated();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let (_, token) = devices(&mut host, 1, "").await;
        let mut lockouts = LockoutServiceClient::new(host.line.clone());
        for (token, size, expected) in [
            (token.as_str(), 0, "PAGE_TOKEN_UNFIT"),
            ("x", 0, "PAGE_TOKEN_UNFIT"),
            ("", -1, "INVALID_REQUEST"),
        ] {
            let (page_token, page_size) = (token.to_owned(), size);
            let request = ListTokensRequest { page_size, page_token: page_token.clone() };
            let tokens = refusal(host.tokens.list_tokens(request).await);
            let request = ListLockoutsRequest { page_size, page_token };
            let lockouts = refusal(lockouts.list_lockouts(request).await);
            let expected = (Code::InvalidArgument, expected.to_owned());
            assert_eq!((&tokens, &lockouts), (&expected, &expected), "{token} {size}");
        }
    });
}

/// More than any one message may hold.
#[test]
fn the_command_line_fetches_every_page() {
    let dir = tempfile::tempdir().unwrap();
    let _gateway = Gateway::start(dir.path());
    let log = AccessLog::new(dir.path().join("access"));
    let now = UnixMillis(doorward::support::clock::unix_millis());
    for n in 0..2000 {
        let key = AccessKey {
            kind: AccessKind::Denied,
            code: format!("{n}{}", "x".repeat(10_000)),
            transport: Transport::Http,
            who: String::new(),
            what: String::new(),
            address: String::new(),
        };
        log.note(key, now);
    }
    log.write(now).unwrap();
    let told = doorward(dir.path(), "audit access --limit 5000 --json");
    assert_eq!(told.code, 0, "{}", told.err);
    let told = told.json();
    let codes: BTreeSet<_> =
        told["rows"].as_array().unwrap().iter().map(|row| row["code"].to_string()).collect();
    assert_eq!((codes.len(), &told["total"]), (2000, &2000.into()));
    let few = doorward(dir.path(), "audit access --limit 3 --json").json();
    assert_eq!(few["rows"].as_array().unwrap().len(), 3);
}
