//! `Explain` over gRPC (N6 A6.2): for the caller, a device, a service token, the shared secret.

use doorward::{
    domain::ids::DeviceId,
    proto::v1::{
        ApprovePairingRequest, AssignCeilingRequest, CreateTokenRequest, DeviceInRole,
        ExplainRequest, ExplainResponse, RenameDeviceRequest, Requirement, Role, Scopes,
        assign_ceiling_request,
        explain_request::{Action, SharedSecretClient, Subject},
        principal::Kind,
    },
};
use tonic::Code;

use super::{
    client::{Client, Way, refusal},
    gateway::{Gateway, SHARED, block_on},
};

fn id(n: u8) -> String {
    DeviceId([n; 32]).to_string()
}

fn scopes(names: &str) -> Option<Scopes> {
    Some(Scopes { names: names.split_whitespace().map(str::to_owned).collect() })
}

fn device(n: u8) -> DeviceInRole {
    DeviceInRole { device_id: id(n), role: Role::Operator.into() }
}

fn method(name: &str) -> Option<Action> {
    Some(Action::Method(name.into()))
}

fn operation(name: &str) -> Option<Action> {
    Some(Action::Operation(name.into()))
}

async fn ask(
    caller: &mut Client,
    action: Option<Action>,
    subject: Option<Subject>,
) -> Result<ExplainResponse, tonic::Status> {
    let asked = ExplainRequest { action, subject };
    caller.explain.explain(asked).await.map(|answer| answer.into_inner())
}

/// Device 1, "Boss", is the admin; device 2 writes, under the role `reader`.
async fn furnish(requests: [String; 2], host: &mut Client) {
    for request_id in requests {
        let approval = ApprovePairingRequest { request_id, ..ApprovePairingRequest::default() };
        host.pairing.approve_pairing(approval).await.unwrap();
    }
    let boss = RenameDeviceRequest { device_id: id(1), label: "Boss".into() };
    host.pairing.rename_device(boss).await.unwrap();
    let subject = Some(assign_ceiling_request::Subject::Device(device(2)));
    let ceiling = AssignCeilingRequest { subject, ceiling: "reader".into() };
    host.pairing.assign_ceiling(ceiling).await.unwrap();
}

#[test]
fn why_a_device_may_or_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let requests = [(1, "operator.admin"), (2, "operator.read operator.write")];
    let requests = requests.map(|(n, holds)| gateway.ask(n, holds));
    block_on(async {
        let mut host = Client::host(&gateway).await;
        furnish(requests, &mut host).await;
        let of = |n| Some(Subject::Device(device(n)));

        // What is not served yet is answered with the scope that the protocol declares.
        let cron = ask(&mut host, method("cron.add"), of(2)).await.unwrap();
        assert!(!cron.served && !cron.allowed, "{cron:?}");
        assert_eq!(cron.requirement(), Requirement::Scope);
        assert_eq!(cron.required, scopes("operator.admin"));
        assert_eq!(cron.holds, scopes("operator.read"));
        assert_eq!(
            (cron.code.as_deref(), cron.missing.as_deref()),
            (Some("MISSING_SCOPE"), Some("scope operator.admin"),)
        );
        assert_eq!(
            (cron.ceiling.as_deref(), cron.held_back),
            (Some("reader"), scopes("operator.write"))
        );
        let [boss] = cron.grantors.as_slice() else { panic!("{:?}", cron.grantors) };
        assert_eq!(boss.name.as_deref(), Some("Boss"));
        let Some(Kind::Device(known)) = boss.principal.clone().unwrap().kind else { panic!() };
        assert_eq!(known.device_id, id(1));
        assert!(
            cron.remedy.is_some() && cron.why.contains("it takes operator.admin"),
            "{}",
            cron.why
        );

        let allowed = ask(&mut host, method("cron.add"), of(1)).await.unwrap();
        assert!(allowed.allowed && !allowed.served, "{allowed:?}");
        assert_eq!(allowed.subject_name.as_deref(), Some("Boss"));
        let seq = gateway
            .state()
            .grant(
                doorward::domain::ids::DeviceId([1; 32]),
                doorward::domain::scope::Role::Operator,
            )
            .unwrap()
            .seq
            .0;
        assert_eq!(allowed.grant_seq, seq);
        assert_eq!((allowed.code, allowed.missing, allowed.remedy), (None, None, None));

        // What the ceiling holds back is said to be held back.
        let capped = ask(&mut host, method("chat.send"), of(2)).await.unwrap();
        let remedy = "let doorward.roles.reader hold operator.write, or take the role off";
        assert_eq!(capped.remedy.as_deref(), Some(remedy));

        let own = ask(&mut host, operation("RenameDevice"), of(2)).await.unwrap();
        assert!(own.allowed && own.only_own && own.served, "{own:?}");
        let served = ask(&mut host, method("device.pair.list"), of(2)).await.unwrap();
        assert!(served.served && !served.allowed, "{served:?}");
        let rooted = ask(&mut host, operation("AdoptKeys"), of(1)).await.unwrap();
        assert_eq!((rooted.requirement(), rooted.allowed), (Requirement::Host, false));
        assert_eq!((rooted.code.as_deref(), rooted.grantors.len()), (Some("HOST_ONLY"), 0));
        let node = ask(&mut host, method("node.invoke.result"), of(1)).await.unwrap();
        assert_eq!(
            (node.requirement(), node.code.as_deref()),
            (Requirement::Node, Some("WRONG_ROLE"))
        );
        let dynamic = ask(&mut host, method("node.invoke"), of(2)).await.unwrap();
        assert_eq!((dynamic.requirement(), dynamic.allowed), (Requirement::Dynamic, false));
        assert!(ask(&mut host, method("node.invoke"), of(1)).await.unwrap().allowed);
    });
}

#[test]
fn why_someone_else_may_or_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let me = ask(&mut host, operation("RotateSecret"), None).await.unwrap();
        assert!(me.allowed && me.grant_seq == 0, "{me:?}");
        assert!(matches!(me.subject.unwrap().kind, Some(Kind::Host(_))));

        let shared = |local| Some(Subject::SharedSecret(SharedSecretClient { local }));
        let far = ask(&mut host, method("config.set"), shared(false)).await.unwrap();
        assert_eq!((far.allowed, far.holds), (false, scopes("operator.read")));
        assert_eq!(far.grantors, [], "only the configuration could change it");
        let near = ask(&mut host, method("config.set"), shared(true)).await.unwrap();
        assert!(near.allowed, "{near:?}");

        let reader = CreateTokenRequest {
            name: "grafana".into(),
            scopes: scopes("operator.read"),
            ..CreateTokenRequest::default()
        };
        let reader = host.tokens.create_token(reader).await.unwrap().into_inner();
        let of_token = || Some(Subject::TokenId(reader.token_id.clone()));
        let token = ask(&mut host, method("chat.send"), of_token()).await.unwrap();
        assert_eq!((token.allowed, token.subject_name.as_deref()), (false, Some("grafana")));
        let remedy = "doorward tokens create --name grafana-2 --scope operator.write";
        assert_eq!(token.remedy.as_deref(), Some(remedy));

        // About itself it may ask without any scope for it, about others not.
        for way in [Way::Socket, Way::Network] {
            let mut grafana = Client::with(&gateway, way, &reader.secret).await;
            let same = ask(&mut grafana, method("chat.send"), None).await.unwrap();
            assert_eq!(same, token);
            let same = ask(&mut grafana, method("chat.send"), of_token()).await.unwrap();
            assert_eq!(same, token);
            let other = refusal(ask(&mut grafana, method("chat.send"), shared(false)).await);
            assert_eq!(other, (Code::PermissionDenied, "MISSING_SCOPE".into()));
        }
        let mut local = Client::with(&gateway, Way::Socket, SHARED).await;
        assert!(ask(&mut local, method("config.set"), None).await.unwrap().allowed);
    });
}

#[test]
fn what_is_not_there_is_not_explained() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let token = Some(Subject::TokenId("00000000-0000-4000-8000-000000000000".into()));
        for (action, subject, expected) in [
            (None, None, (Code::InvalidArgument, "INVALID_REQUEST")),
            (method("cron"), None, (Code::NotFound, "UNKNOWN_METHOD")),
            (operation("cron.add"), None, (Code::NotFound, "UNKNOWN_METHOD")),
            (
                method("health"),
                Some(Subject::Device(device(7))),
                (Code::NotFound, "UNKNOWN_DEVICE"),
            ),
            (method("health"), token, (Code::NotFound, "UNKNOWN_TOKEN")),
        ] {
            let (code, name) = refusal(ask(&mut host, action, subject).await);
            assert_eq!((code, name.as_str()), expected);
        }
    });
}

/// Each served method takes what the protocol declares for it; a method of our own says so by its name.
#[test]
fn a_served_method_takes_what_the_protocol_declares() {
    use doorward::{
        domain::{
            operation::Requirement::{self, *},
            published,
            scope::Known,
        },
        fronts::ws,
    };
    let methods = ws::METHODS.iter().filter(|method| !method.name.starts_with("doorward."));
    for method in methods {
        let declared = published::declared(method.name);
        let declared = declared.unwrap_or_else(|| panic!("{} has no declared scope", method.name));
        let enforced = method.operation.requirement();
        let agrees = match (declared, enforced) {
            (Dynamic, _) => true,
            (declared, ScopeOrNode(scope) | ScopeOrOwn(scope)) => declared == Scope(scope),
            // Whoever holds a device key and read has asked for an upgrade in the real gateway; here
            // the key is enough.
            (declared, DeviceKey) => declared == Scope(Known::Read),
            (declared, enforced) => declared == enforced,
        };
        assert!(agrees, "{}: {declared:?} is declared, {enforced:?} enforced", method.name);
    }
    assert_eq!(published::declared("no.such.method"), None::<Requirement>);
}
