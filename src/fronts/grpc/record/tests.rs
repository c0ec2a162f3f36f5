//! The names that programs look for are those that the contract lists.

use std::collections::BTreeSet;

use super::*;
use crate::{
    domain::{
        ids::{DeviceId, RequestId, Seq},
        registry::Event as E,
        scope::{Known, Role},
        time::UnixMillis,
    },
    service::Via,
};

const CONTRACT: &str = include_str!("../../../../proto/doorward/admin/v1/ledger.proto");

fn profile() -> Profile {
    Profile {
        display_name: Some("Laptop".into()),
        client_id: "cli".into(),
        client_mode: "cli".into(),
        version: "1".into(),
        platform: "linux".into(),
        device_family: Some("pc".into()),
    }
}

/// One event of each kind, with everything that it can tell.
fn events() -> Vec<E> {
    let (request_id, device, role) = (RequestId([7; 16]), DeviceId([8; 32]), Role::Node);
    let (public_key, scopes) =
        (PublicKey([9; 32]), ScopeSet::from_iter([Known::Read, Known::Talk]));
    let policy = Policy {
        auth_mode: registry::AuthMode::Password,
        shared_scopes: scopes.clone(),
        loopback_scopes: ScopeSet::empty(),
        auto_approve_local: true,
    };
    vec![
        E::Begun { gateway_key: public_key },
        E::PolicyAdopted(policy),
        E::PairingRequested {
            request_id,
            device,
            public_key,
            role,
            scopes: scopes.clone(),
            reason: PairingReason::ScopeUpgrade,
            profile: profile(),
            address: Some("192.0.2.1".into()),
        },
        E::PairingSuperseded { request_id, device, by: RequestId([1; 16]) },
        E::PairingApproved {
            request_id,
            device,
            public_key,
            role,
            scopes,
            profile: profile(),
            by: ApprovedBy::LocalPolicy,
        },
        E::PairingRejected { request_id, device, role, withdrawn: true },
        E::PairingExpired { request_id, device, role },
        E::TokenIssued { device, role, token: TokenHash([0xab; 32]) },
        E::DeviceDescribed { device, profile: profile() },
    ]
}

/// The keys that the contract lists for a kind: the words of its paragraph.
fn listed(kind: &str) -> BTreeSet<&'static str> {
    let lines = CONTRACT.lines().skip_while(|line| !line.starts_with(&format!("//   {kind} ")));
    let first = lines.clone().take(1);
    let more = lines.skip(1).take_while(|line| line.starts_with("//             "));
    let words = |line: &'static str| line.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    first.chain(more).flat_map(words).collect()
}

#[test]
fn every_kind_and_key_is_listed_in_the_contract() {
    let profile_keys = BTreeSet::from([
        "client_id",
        "client_mode",
        "version",
        "platform",
        "display_name",
        "device_family",
    ]);
    assert!(CONTRACT.contains("// Profile keys: client_id, client_mode, version, platform, and"));
    for event in events() {
        let (kind, details) = describe(&event);
        let listed = listed(kind);
        assert!(listed.contains(kind), "{kind} is not listed");
        for key in details.0.keys() {
            let known = listed.contains(key.as_str())
                || (listed.contains("profile") && profile_keys.contains(key.as_str()));
            assert!(known, "{kind}: {key} is not listed");
        }
    }
}

#[test]
fn each_kind_has_a_name_of_its_own_and_none_is_forgotten() {
    // A new kind does not compile here until it has a row in `events`.
    let row = |event: &E| match event {
        E::Begun { .. } => 0,
        E::PolicyAdopted(_) => 1,
        E::PairingRequested { .. } => 2,
        E::PairingSuperseded { .. } => 3,
        E::PairingApproved { .. } => 4,
        E::PairingRejected { .. } => 5,
        E::PairingExpired { .. } => 6,
        E::TokenIssued { .. } => 7,
        E::DeviceDescribed { .. } => 8,
    };
    let rows: Vec<_> = events().iter().map(row).collect();
    assert_eq!(rows, (0..9).collect::<Vec<_>>());
    let names: BTreeSet<_> = events().iter().map(|event| describe(event).0).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn a_record_tells_all_of_itself() {
    let event = events().swap_remove(2);
    let via = Via {
        transport: Transport::WebSocket,
        address: Some("192.0.2.1".into()),
        locality: Locality::Elsewhere,
        connection: Some("c".into()),
        request: Some("r".into()),
    };
    let record = Record {
        seq: Seq(5),
        at: UnixMillis(6),
        principal: Principal::Applicant(DeviceId([8; 32])),
        authority: Seq(1),
        via,
        before: ScopeSet::empty(),
        after: ScopeSet::from_iter([Known::Read]),
        event: Event::Registry(event),
    };
    let told = entry(&Entry { record, leaf_hash: [3; 32] });
    let (via, event) = (told.via.unwrap(), told.event.unwrap());
    assert_eq!((told.seq, told.time_ms, told.authority_seq), (5, 6, 1));
    assert_eq!(told.after.unwrap().names, ["operator.read"]);
    assert_eq!(told.leaf_hash, [3; 32]);
    assert_eq!(via.transport(), WireTransport::WebSocket);
    assert_eq!((via.address.as_deref(), via.direct_loopback), (Some("192.0.2.1"), false));
    assert_eq!((via.connection.as_deref(), via.request.as_deref()), (Some("c"), Some("r")));
    assert_eq!((event.kind.as_str(), event.version), ("pairing_requested", 1));
    assert_eq!(event.device_id, Some("08".repeat(32)));
    assert_eq!(event.role(), v1::Role::Node);
    assert_eq!(event.details["reason"], "scope_upgrade");
    assert_eq!(event.details["scopes"], "operator.read operator.talk");
    assert_eq!(event.details["address"], "192.0.2.1");
}

#[test]
fn every_principal_is_told_apart() {
    let (id, hex) = (DeviceId([8; 32]), "08".repeat(32));
    use v1::principal as wire;
    let device = wire::PairedDevice { device_id: hex.clone(), role: v1::Role::Node.into() };
    let shared =
        |proof: v1::AuthMode| Kind::SharedSecret(wire::SharedSecret { proof: proof.into() });
    let rule = |name: &str| Kind::System(wire::System { rule: name.into() });
    for (who, expected) in [
        (Principal::Host { uid: 7 }, Kind::Host(wire::Host { uid: 7 })),
        (Principal::SharedSecret(SecretKind::Token), shared(v1::AuthMode::Token)),
        (Principal::SharedSecret(SecretKind::Password), shared(v1::AuthMode::Password)),
        (Principal::Open, Kind::Open(wire::Open {})),
        (Principal::Device(id, Role::Node), Kind::Device(device)),
        (Principal::Applicant(id), Kind::Applicant(wire::Applicant { device_id: hex })),
        (Principal::System(Rule::Startup), rule("startup")),
        (Principal::System(Rule::LocalPolicy), rule("local_policy")),
        (Principal::System(Rule::Expiry), rule("expiry")),
    ] {
        assert_eq!(principal(&who).kind, Some(expected), "{who:?}");
    }
}
