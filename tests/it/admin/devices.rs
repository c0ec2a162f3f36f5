//! What becomes of paired devices: each call, done and refused.

use doorward::{
    domain::{ids::DeviceId, scope::Role},
    proto::v1::{
        ApprovePairingRequest, AssignCeilingRequest, DeviceInRole, ListDevicesRequest,
        RejectPairingRequest, RemoveDeviceRequest, RenameDeviceRequest, RevokeTokenRequest,
        Role as WireRole, RotateTokenRequest, Scopes, assign_ceiling_request::Subject,
    },
    support::clock,
};
use tonic::Code;

use super::{
    client::{Client, refusal},
    gateway::{Gateway, block_on, set},
};

fn id(n: u8) -> String {
    DeviceId([n; 32]).to_string()
}

fn scopes(names: &str) -> Option<Scopes> {
    Some(Scopes { names: names.split_whitespace().map(str::to_owned).collect() })
}

fn operator(n: u8) -> Option<Subject> {
    Some(Subject::Device(DeviceInRole { device_id: id(n), role: WireRole::Operator.into() }))
}

fn approval(request_id: &str) -> ApprovePairingRequest {
    ApprovePairingRequest { request_id: request_id.into(), ..ApprovePairingRequest::default() }
}

/// A gateway whose device number 1 is its only admin, and number 2 reads and writes.
fn paired() -> (tempfile::TempDir, Gateway) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let requests =
        [gateway.ask(1, "operator.admin"), gateway.ask(2, "operator.read operator.write")];
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for request in &requests {
            host.pairing.approve_pairing(approval(request)).await.unwrap();
        }
    });
    (dir, gateway)
}

#[test]
fn an_approval_is_limited_as_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let request = gateway.ask(1, "operator.read operator.write");
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let until = clock::unix_millis() + 3_600_000;
        let limited = ApprovePairingRequest {
            until_ms: Some(until),
            ceiling: Some("reader".into()),
            ephemeral: true,
            expected_scopes: scopes("operator.write operator.read"),
            ..approval(&request)
        };
        let over = ApprovePairingRequest { until_ms: Some(1), ..limited.clone() };
        let unknown = ApprovePairingRequest { ceiling: Some("x".into()), ..limited.clone() };
        let changed =
            ApprovePairingRequest { expected_scopes: scopes("operator.read"), ..limited.clone() };
        for (asked, expected) in [
            (over, (Code::InvalidArgument, "ALREADY_OVER")),
            (unknown, (Code::NotFound, "UNKNOWN_ROLE")),
            (changed, (Code::Aborted, "REQUEST_CHANGED")),
        ] {
            let (code, name) = refusal(host.pairing.approve_pairing(asked).await);
            assert_eq!((code, name.as_str()), expected);
        }
        let approved = host.pairing.approve_pairing(limited).await.unwrap().into_inner();
        assert!(approved.until_ms.unwrap().abs_diff(until) < 60_000, "{approved:?}");
        let listed =
            host.pairing.list_devices(ListDevicesRequest::default()).await.unwrap().into_inner();
        let grant = &listed.devices[0].grants[0];
        assert_eq!(grant.until_ms, approved.until_ms);
        assert_eq!((grant.ceiling.as_deref(), grant.ephemeral), (Some("reader"), true));
        assert_eq!(grant.scopes, scopes("operator.read"), "what is in force");
        assert_eq!(grant.held_back, scopes("operator.write"));
        assert_eq!(grant.approved, scopes("operator.read operator.write"));
    });
}

/// N14 A14.2
#[test]
fn an_idempotency_key_replays_the_same_result() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let (first, second) = (gateway.ask(1, "operator.read"), gateway.ask(2, "operator.read"));
    block_on(async {
        let host = Client::host(&gateway).await;
        let keyed = |request: &str, key: &str| {
            let key = Some(key.to_owned());
            let asked = ApprovePairingRequest { idempotency_key: key, ..approval(request) };
            let mut host = host.clone();
            async move { host.pairing.approve_pairing(asked).await }
        };
        // Many at once are one approval, and all get its answer.
        let racing = futures_util::future::join_all((0..20).map(|_| keyed(&first, "a"))).await;
        let answers: Vec<_> = racing.into_iter().map(|one| one.unwrap().into_inner()).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let late = keyed(&first, "a").await.unwrap().into_inner();
        assert_eq!(late, answers[0]);
        for (request, key, expected) in [
            (&first, "b", (Code::FailedPrecondition, "REQUEST_CLOSED")),
            (&second, "a", (Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED")),
            (&second, "", (Code::InvalidArgument, "INVALID_REQUEST")),
        ] {
            let (code, name) = refusal(keyed(request, key).await);
            assert_eq!((code, name.as_str()), expected, "{key:?}");
        }
        // What failed did nothing, so its key is good for another try.
        let unknown = "00000000-0000-4000-8000-000000000000";
        assert_eq!(refusal(keyed(unknown, "c").await).0, Code::NotFound);
        keyed(&second, "c").await.unwrap();
    });
    let approvals = gateway.state().devices().count();
    assert_eq!(approvals, 2);
}

#[test]
fn a_device_is_renamed_and_keeps_its_name() {
    let (_dir, gateway) = paired();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let rename = |label: &str| RenameDeviceRequest { device_id: id(2), label: label.into() };
        let renamed = host.pairing.rename_device(rename("Küche")).await.unwrap().into_inner();
        assert!(renamed.seq.is_some());
        let again = host.pairing.rename_device(rename("Küche")).await.unwrap().into_inner();
        assert_eq!(again.seq, None, "nothing to change");
        let listed =
            host.pairing.list_devices(ListDevicesRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.devices[1].label.as_deref(), Some("Küche"));
        let unknown = RenameDeviceRequest { device_id: id(9), ..rename("x") };
        for (asked, expected) in [
            (unknown, (Code::NotFound, "UNKNOWN_DEVICE")),
            (rename(""), (Code::InvalidArgument, "INVALID_REQUEST")),
            (rename("a\nb"), (Code::InvalidArgument, "INVALID_REQUEST")),
        ] {
            let (code, name) = refusal(host.pairing.rename_device(asked).await);
            assert_eq!((code, name.as_str()), expected);
        }
    });
}

#[test]
fn a_rotation_narrows_and_keeps_the_token_to_itself() {
    let (_dir, gateway) = paired();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let rotate = |n, scopes| RotateTokenRequest {
            device_id: id(n),
            role: WireRole::Operator.into(),
            scopes,
        };
        let narrowed = rotate(2, scopes("operator.read"));
        let rotated = host.pairing.rotate_token(narrowed).await.unwrap().into_inner();
        assert_eq!(rotated.scopes, scopes("operator.read"));
        let same = host.pairing.rotate_token(rotate(2, None)).await.unwrap().into_inner();
        assert_eq!(same.scopes, scopes("operator.read"), "what was in force");
        assert!(same.seq > rotated.seq);
        let in_role = |role| RotateTokenRequest { role, ..rotate(2, None) };
        for (asked, expected) in [
            (rotate(2, scopes("operator.pairing")), (Code::PermissionDenied, "BEYOND_BASELINE")),
            (rotate(9, None), (Code::NotFound, "UNKNOWN_DEVICE")),
            (in_role(WireRole::Node.into()), (Code::NotFound, "NO_GRANT")),
            (in_role(0), (Code::InvalidArgument, "INVALID_REQUEST")),
            (in_role(77), (Code::InvalidArgument, "INVALID_REQUEST")),
            (rotate(2, scopes("No Scope")), (Code::InvalidArgument, "INVALID_REQUEST")),
        ] {
            let (code, name) = refusal(host.pairing.rotate_token(asked).await);
            assert_eq!((code, name.as_str()), expected);
        }
    });
    assert_eq!(gateway.holds(2), Some(set("operator.read")));
}

/// N1 A1.7: only the host takes the last admin away, and says why.
#[test]
fn the_last_admin_goes_only_with_a_reason() {
    let (_dir, gateway) = paired();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let last = (Code::FailedPrecondition, "LAST_ADMIN".to_owned());
        let role = WireRole::Operator.into();
        let revoke = |n, force_reason| RevokeTokenRequest { device_id: id(n), role, force_reason };
        let remove = |n, force_reason| RemoveDeviceRequest { device_id: id(n), force_reason };
        assert_eq!(refusal(host.pairing.revoke_token(revoke(1, None)).await), last);
        assert_eq!(refusal(host.pairing.remove_device(remove(1, None)).await), last);
        let ceiling =
            |ceiling: &str| AssignCeilingRequest { subject: operator(1), ceiling: ceiling.into() };
        assert_eq!(refusal(host.pairing.assign_ceiling(ceiling("reader")).await), last);
        let blank = refusal(host.pairing.remove_device(remove(1, Some(" ".into()))).await);
        assert_eq!(blank, (Code::InvalidArgument, "INVALID_REQUEST".into()));

        let revoked = host.pairing.revoke_token(revoke(2, None)).await.unwrap().into_inner();
        assert!(revoked.seq.is_some());
        let again = host.pairing.revoke_token(revoke(2, None)).await.unwrap().into_inner();
        assert_eq!(again.seq, None, "there was nothing to end");
        let unknown = refusal(host.pairing.revoke_token(revoke(9, None)).await);
        assert_eq!(unknown, (Code::NotFound, "UNKNOWN_DEVICE".into()));

        let forced = remove(1, Some("moving house".into()));
        let removed = host.pairing.remove_device(forced.clone()).await.unwrap().into_inner();
        assert!(removed.seq > revoked.seq.unwrap());
        let gone = refusal(host.pairing.remove_device(forced).await);
        assert_eq!(gone, (Code::NotFound, "UNKNOWN_DEVICE".into()));
    });
    assert!(gateway.state().device(DeviceId([1; 32])).is_none());
    assert!(gateway.state().grant(DeviceId([2; 32]), Role::Operator).is_none());
}

/// N17 A17.1
#[test]
fn a_ceiling_is_put_on_and_taken_off() {
    let (_dir, gateway) = paired();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let ceiling =
            |subject, ceiling: &str| AssignCeilingRequest { subject, ceiling: ceiling.into() };
        let put_on = ceiling(operator(2), "reader");
        let seq = host.pairing.assign_ceiling(put_on.clone()).await.unwrap().into_inner().seq;
        assert!(seq.is_some());
        let again = host.pairing.assign_ceiling(put_on).await.unwrap().into_inner().seq;
        assert_eq!(again, None);
        let grant =
            |listed: doorward::proto::v1::ListDevicesResponse| listed.devices[1].grants[0].clone();
        let listed =
            host.pairing.list_devices(ListDevicesRequest::default()).await.unwrap().into_inner();
        assert_eq!(grant(listed).scopes, scopes("operator.read"));
        host.pairing.assign_ceiling(ceiling(operator(2), "")).await.unwrap();
        let listed =
            host.pairing.list_devices(ListDevicesRequest::default()).await.unwrap().into_inner();
        let free = grant(listed);
        assert_eq!(free.scopes, scopes("operator.read operator.write"));
        assert_eq!((free.ceiling, free.held_back), (None, None));
        let token = Some(Subject::TokenId("00000000-0000-4000-8000-000000000000".into()));
        for (asked, expected) in [
            (ceiling(operator(2), "nobody"), (Code::NotFound, "UNKNOWN_ROLE")),
            (ceiling(operator(9), "reader"), (Code::NotFound, "UNKNOWN_DEVICE")),
            (ceiling(token, "reader"), (Code::NotFound, "UNKNOWN_TOKEN")),
            (ceiling(None, "reader"), (Code::InvalidArgument, "INVALID_REQUEST")),
        ] {
            let (code, name) = refusal(host.pairing.assign_ceiling(asked).await);
            assert_eq!((code, name.as_str()), expected);
        }
    });
}

#[test]
fn ids_are_read_strictly() {
    let (_dir, gateway) = paired();
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for device_id in ["", "x", &id(0xab).to_uppercase()] {
            let asked = RemoveDeviceRequest { device_id: device_id.into(), force_reason: None };
            let refused = refusal(host.pairing.remove_device(asked).await);
            assert_eq!(refused, (Code::InvalidArgument, "INVALID_REQUEST".into()), "{device_id}");
        }
        let asked = RejectPairingRequest { request_id: "1".into() };
        let refused = refusal(host.pairing.reject_pairing(asked).await);
        assert_eq!(refused, (Code::InvalidArgument, "INVALID_REQUEST".into()));
    });
}
