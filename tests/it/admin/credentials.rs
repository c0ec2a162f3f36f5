//! Setup codes, the shared secret and the list of keys: each call, done and refused.

use doorward::proto::v1::{
    AdoptKeysRequest, AuthMode, CodeStatusRequest, CompareKeysRequest, CreateCodeRequest,
    CreateTokenRequest, KeyList, ListedKey, Role, RotateSecretRequest, Scopes, SetupAccess,
    WhoamiRequest, principal::Kind,
};
use tonic::Code;

use super::{
    client::{Client, Way, refusal},
    gateway::{Gateway, SHARED, block_on, doorward as command},
};

fn scopes(names: &str) -> Option<Scopes> {
    Some(Scopes { names: names.split_whitespace().map(str::to_owned).collect() })
}

#[test]
fn a_setup_code_is_made_and_asked_about() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let mut made = vec![];
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for (access, holds) in [
            (SetupAccess::Full, Some("operator.admin")),
            (SetupAccess::Limited, Some("operator.write")),
            (SetupAccess::Node, None),
        ] {
            let asked = CreateCodeRequest { access: access.into() };
            let code = host.setup.create_code(asked).await.unwrap().into_inner();
            assert_eq!(code.access(), access);
            assert!(code.secret.len() >= 40, "{code:?}");
            let given = code.scopes.unwrap().names;
            match holds {
                Some(scope) => assert!(given.iter().any(|name| name == scope), "{given:?}"),
                None => assert!(given.is_empty(), "{given:?}"),
            }
            assert_eq!(code.gateway_urls, ["ws://127.0.0.1:18789"]);
            let asked = CodeStatusRequest { code_id: code.code_id.clone() };
            let status = host.setup.code_status(asked).await.unwrap().into_inner();
            assert_eq!((status.access(), status.until_ms), (access, code.until_ms));
            assert_eq!(status.redeemed, None);
            let left = status.until_ms - status.now_ms;
            assert!((540_000..=600_000).contains(&left), "ten minutes, but {left} ms");
            made.push((code.code_id, code.secret));
        }
        let invalid = (Code::InvalidArgument, "INVALID_REQUEST".to_owned());
        let nothing = CreateCodeRequest { access: 0 };
        assert_eq!(refusal(host.setup.create_code(nothing).await), invalid);
        let unknown = CodeStatusRequest { code_id: "00000000-0000-4000-8000-000000000000".into() };
        let refused = refusal(host.setup.code_status(unknown).await);
        assert_eq!(refused, (Code::NotFound, "UNKNOWN_CODE".into()));
    });
    let log = command(dir.path(), "audit log --json").out;
    for (id, secret) in made {
        assert!(!log.contains(&secret) && log.contains(&id), "{log}");
    }
}

/// N4 A4.5
#[test]
fn the_shared_secret_is_replaced_by_a_strong_one_only() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let path = dir.path().join("shared-token");
    let given = "a-secret-that-someone-chose-well";
    let first = block_on(async {
        let mut host = Client::host(&gateway).await;
        for weak in ["", "short", "changeme", "********************", "[redacted]"] {
            let asked = RotateSecretRequest { secret: Some(weak.into()) };
            let refused = refusal(host.secret.rotate_secret(asked).await);
            assert_eq!(refused, (Code::InvalidArgument, "WEAK_SECRET".into()), "{weak:?}");
            assert!(!path.exists(), "nothing was written for {weak:?}");
        }
        let made = host.secret.rotate_secret(RotateSecretRequest { secret: None }).await;
        let made = made.unwrap().into_inner();
        assert_eq!((made.proof(), made.path.as_str()), (AuthMode::Token, path.to_str().unwrap()));
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(first.trim().len() >= 32 && first.trim() != SHARED);
        let asked = RotateSecretRequest { secret: Some(given.into()) };
        let chosen = host.secret.rotate_secret(asked.clone()).await.unwrap().into_inner();
        assert!(chosen.seq > made.seq);
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), given);
        let same = host.secret.rotate_secret(asked).await.unwrap().into_inner();
        assert_eq!(same.seq, None, "it is in force already");
        let answers = format!("{made:?} {chosen:?} {same:?}");
        assert!(!answers.contains(given) && !answers.contains(first.trim()), "{answers}");
        first
    });
    let log = command(dir.path(), "audit log --json").out;
    assert!(!log.contains(given) && !log.contains(first.trim()), "{log}");
}

/// File, ledger and memory agree, whoever was last; and whoever is turned down after its secret was
/// written, because it is no admin for good, puts back what is in force and not what it found.
#[test]
fn racing_rotations_leave_one_secret_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let mut admin = async |name: &str, until_ms| {
            let (name, ranges) = (name.to_owned(), vec![]);
            let scopes = scopes("operator.admin");
            let asked = CreateTokenRequest { name, scopes, until_ms, ranges };
            host.tokens.create_token(asked).await.unwrap().into_inner().secret
        };
        admin("for good", None).await;
        let soon = doorward::support::clock::unix_millis() + 3_600_000;
        let brief = admin("for a while", Some(soon)).await;
        let brief = Client::with(&gateway, Way::Socket, &brief).await;
        let rotate = |n: usize| {
            let mut racer = if n.is_multiple_of(2) { host.clone() } else { brief.clone() };
            let secret = Some(format!("a-secret-for-racer-number-{n}"));
            async move { racer.secret.rotate_secret(RotateSecretRequest { secret }).await }
        };
        let outcomes = futures_util::future::join_all((0..12).map(rotate)).await;
        for (n, outcome) in outcomes.into_iter().enumerate() {
            match n.is_multiple_of(2) {
                true => drop(outcome.unwrap()),
                false => assert_eq!(refusal(outcome).1, "BEYOND_APPROVER", "{n}"),
            }
        }
        let written = std::fs::read_to_string(dir.path().join("shared-token")).unwrap();
        let mut caller = Client::with(&gateway, Way::Network, written.trim()).await;
        caller.gateway.status(doorward::proto::v1::StatusRequest {}).await.unwrap();
    });
    let secret = gateway.state().secret().unwrap();
    drop(gateway);
    let again = Gateway::start(dir.path());
    assert_eq!(again.state().secret().unwrap().seq, secret.seq, "the file is what was adopted");
}

fn key(n: u8, label: &str, role: Role, holds: &str) -> ListedKey {
    ListedKey {
        public_key: vec![n; 32],
        label: label.into(),
        role: role.into(),
        scopes: scopes(holds),
    }
}

fn list(hash: u8, keys: &[ListedKey]) -> Option<KeyList> {
    Some(KeyList { file_hash: vec![hash; 32], keys: keys.to_vec() })
}

/// N17 A17.2
#[test]
fn a_list_of_keys_is_compared_and_adopted_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let (ci, hub) =
            (key(1, "ci", Role::Operator, "operator.read"), key(2, "hub", Role::Node, ""));
        let wider = key(1, "ci", Role::Operator, "operator.read operator.write");
        let (first, second) =
            (list(1, &[ci.clone(), hub.clone()]), list(2, std::slice::from_ref(&wider)));

        let compare = CompareKeysRequest { list: first.clone() };
        let changes = host.keys.compare_keys(compare).await.unwrap().into_inner().changes;
        assert_eq!(changes.len(), 2);
        assert!(changes.iter().all(|change| change.before.is_none()), "{changes:?}");
        assert!(gateway.state().keys().is_none(), "nothing was written");

        let adopt = AdoptKeysRequest { list: first };
        let adopted = host.keys.adopt_keys(adopt.clone()).await.unwrap().into_inner();
        assert_eq!((adopted.changes, adopted.seq.is_some()), (changes, true));
        let again = host.keys.adopt_keys(adopt).await.unwrap().into_inner();
        assert_eq!((again.changes.len(), again.seq), (0, None));

        let adopt = AdoptKeysRequest { list: second };
        let adopted = host.keys.adopt_keys(adopt).await.unwrap().into_inner();
        let changes: Vec<_> =
            adopted.changes.into_iter().map(|change| (change.before, change.after)).collect();
        assert_eq!(changes, [(Some(ci.clone()), Some(wider)), (Some(hub), None)]);
        assert_eq!(gateway.state().keys().unwrap().1.file_hash, [2; 32]);

        let short = ListedKey { public_key: vec![1; 31], ..ci.clone() };
        let nameless = ListedKey { label: String::new(), ..ci.clone() };
        let roleless = ListedKey { role: 0, ..ci.clone() };
        let long: Vec<_> = (0..=255_u16)
            .chain([256])
            .map(|n| {
                let mut public_key = vec![0; 32];
                public_key[..2].copy_from_slice(&n.to_be_bytes());
                ListedKey { public_key, ..ci.clone() }
            })
            .collect();
        let hashless = Some(KeyList { file_hash: vec![], keys: vec![] });
        let invalid = (Code::InvalidArgument, "INVALID_REQUEST");
        for (list, expected) in [
            (None, invalid),
            (hashless, invalid),
            (list(3, &[short]), invalid),
            (list(3, &[nameless]), invalid),
            (list(3, &[roleless]), invalid),
            (list(3, &[ci.clone(), ci.clone()]), invalid),
            (list(3, &long), (Code::ResourceExhausted, "LIMIT_REACHED")),
        ] {
            let (code, name) = refusal(host.keys.adopt_keys(AdoptKeysRequest { list }).await);
            assert_eq!((code, name.as_str()), expected);
        }
    });
}

/// N7 A7.2: every caller is told what was seen of it, over each of the two doors.
#[test]
fn a_caller_is_told_where_it_was_seen_to_come_from() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let here = Some("127.0.0.1");
        for (way, rule, address) in
            [(Way::Socket, "admin-socket", None), (Way::Network, "direct-loopback", here)]
        {
            let mut caller = Client::with(&gateway, way, SHARED).await;
            let seen = caller.gateway.whoami(WhoamiRequest {}).await.unwrap().into_inner();
            assert_eq!((seen.rule.as_str(), seen.local), (rule, true), "{way:?}");
            assert_eq!((seen.address.as_deref(), seen.peer.as_deref()), (address, address));
            let principal = seen.principal.unwrap().kind;
            assert!(matches!(principal, Some(Kind::SharedSecret(_))), "{principal:?}");
        }
        let mut host = Client::host(&gateway).await;
        let seen = host.gateway.whoami(WhoamiRequest {}).await.unwrap().into_inner();
        assert_eq!((seen.rule.as_str(), seen.address), ("admin-socket", None));
    });
}
