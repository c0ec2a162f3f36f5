//! Every call of the contract: none works without authority, and each with exactly the scope that
//! its operation takes (N3 A3.2, N2 A2.1 for gRPC).

use std::collections::BTreeSet;

use doorward::{
    domain::{
        operation::Operation,
        scope::{Known, ScopeSet},
    },
    proto::v1::*,
};
use prost::{
    Message,
    bytes::{Buf, BufMut},
};
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use super::{
    client::{Carried, Client, WAYS, Way, refusal},
    gateway::{Gateway, block_on},
};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// Every call with a message that can be read and changes nothing, and the operation that it is.
/// `None`: it is about the caller alone, and takes nothing.
fn rows() -> Vec<(&'static str, Vec<u8>, Option<Operation>)> {
    use Operation as O;
    let device_id = "0".repeat(64);
    let role = Role::Operator.into();
    let approval = GetApprovalRequest { approval_id: UNKNOWN.into() };
    let (approval_id, decision) = (UNKNOWN.into(), "deny".into());
    let decide = DecideApprovalRequest { approval_id, decision };
    let request_id = UNKNOWN.to_owned();
    let token_id = UNKNOWN.to_owned();
    let subject = Some(assign_ceiling_request::Subject::TokenId(token_id.clone()));
    let scopes = Some(Scopes { names: vec!["x.nobody.has".into()] });
    let list = Some(KeyList { file_hash: vec![0; 32], keys: vec![] });
    let nobody = release_held_request::What::DeviceId(device_id.clone());
    let release = ReleaseHeldRequest { what: Some(nobody) };
    let method = Some(explain_request::Action::Method("health".into()));
    let of_other = Some(explain_request::Subject::TokenId(token_id.clone()));
    let ask = |subject| ExplainRequest { action: method.clone(), subject }.encode_to_vec();
    let create = CreateTokenRequest { name: "x".into(), scopes, ..Default::default() };
    let approve = ApprovePairingRequest { request_id: request_id.clone(), ..Default::default() };
    let label = "x".to_owned();
    let everyone = party::Kind::SharedSecret(party::Anyone { local: true });
    let party = Some(Party { kind: Some(everyone), name: None });
    let why = WhyRequest { party, scope: "operator.read".into(), at: None };
    let policy = Policy { auth_mode: AuthMode::Token.into(), ..Default::default() };
    let replay = ReplayRequest { policy: Some(policy) };
    let replayed = StreamReplayRequest { ask: Some(replay.clone()) };
    let who_can = WhoCanRequest { scope: "operator.read".into(), at: None };
    let session = Some(SessionName { key: "nobody-said-this".into(), ..Default::default() });
    let get = GetSessionRequest { session: session.clone(), messages: 1 };
    let export = ExportSessionRequest { session: session.clone() };
    let reset = ResetSessionRequest { session: session.clone() };
    let delete = DeleteSessionRequest { session, session_id: UNKNOWN.into() };
    let (message, agent_id) = ("hi".to_owned(), "nobody".to_owned());
    let say = RunAgentRequest { message, agent_id, ..Default::default() };
    let all_who_can = StreamWhoCanRequest { ask: Some(who_can.clone()) };
    vec![
        ("PairingService/ListDevices", vec![], Some(O::ListPairings)),
        ("PairingService/ApprovePairing", approve.encode_to_vec(), Some(O::ApprovePairing)),
        (
            "PairingService/ApprovePairing",
            ApprovePairingRequest { idempotency_key: Some("k".into()), ..approve }.encode_to_vec(),
            Some(O::ApprovePairing),
        ),
        (
            "PairingService/RejectPairing",
            RejectPairingRequest { request_id }.encode_to_vec(),
            Some(O::RejectPairing),
        ),
        (
            "PairingService/RemoveDevice",
            RemoveDeviceRequest { device_id: device_id.clone(), force_reason: None }
                .encode_to_vec(),
            Some(O::RemoveDevice),
        ),
        (
            "PairingService/RenameDevice",
            RenameDeviceRequest { device_id: device_id.clone(), label }.encode_to_vec(),
            Some(O::RenameDevice),
        ),
        (
            "PairingService/RotateToken",
            RotateTokenRequest { device_id: device_id.clone(), role, scopes: None }.encode_to_vec(),
            Some(O::RotateToken),
        ),
        (
            "PairingService/RevokeToken",
            RevokeTokenRequest { device_id, role, force_reason: None }.encode_to_vec(),
            Some(O::RevokeToken),
        ),
        (
            "PairingService/AssignCeiling",
            AssignCeilingRequest { subject, ceiling: String::new() }.encode_to_vec(),
            Some(O::AssignRole),
        ),
        ("TokenService/ListTokens", vec![], Some(O::ListTokens)),
        ("TokenService/CreateToken", create.encode_to_vec(), Some(O::CreateToken)),
        (
            "TokenService/RotateServiceToken",
            RotateServiceTokenRequest { token_id: token_id.clone() }.encode_to_vec(),
            Some(O::RotateServiceToken),
        ),
        (
            "TokenService/RevokeServiceToken",
            RevokeServiceTokenRequest { token_id, force_reason: None }.encode_to_vec(),
            Some(O::RevokeServiceToken),
        ),
        (
            "SetupService/CreateCode",
            CreateCodeRequest { access: SetupAccess::Node.into() }.encode_to_vec(),
            Some(O::CreateCode),
        ),
        (
            "SetupService/CodeStatus",
            CodeStatusRequest { code_id: UNKNOWN.into() }.encode_to_vec(),
            Some(O::ReadCode),
        ),
        (
            "SecretService/RotateSecret",
            RotateSecretRequest { secret: Some("weak".into()) }.encode_to_vec(),
            Some(O::RotateSecret),
        ),
        (
            "KeyService/CompareKeys",
            CompareKeysRequest { list: list.clone() }.encode_to_vec(),
            Some(O::AdoptKeys),
        ),
        ("KeyService/AdoptKeys", AdoptKeysRequest { list }.encode_to_vec(), Some(O::AdoptKeys)),
        ("ExplainService/Explain", ask(None), None),
        ("ExplainService/Explain", ask(of_other), Some(O::Explain)),
        ("GatewayService/Status", vec![], Some(O::ReadStatus)),
        ("GatewayService/Whoami", vec![], None),
        ("GatewayService/ListSinks", vec![], Some(O::ReadLedger)),
        ("ApprovalService/ListApprovals", vec![], Some(O::ReadApprovals)),
        ("ApprovalService/ListEndedApprovals", vec![], Some(O::ReadApprovals)),
        ("ApprovalService/GetApproval", approval.encode_to_vec(), Some(O::ReadApprovals)),
        ("ApprovalService/DecideApproval", decide.encode_to_vec(), Some(O::DecideApproval)),
        ("LockoutService/ListLockouts", vec![], Some(O::ListLockouts)),
        ("LockoutService/ClearLockouts", vec![], Some(O::ClearLockouts)),
        ("ReviewService/ListHeld", vec![], Some(O::ListHeld)),
        ("ReviewService/ReleaseHeld", release.encode_to_vec(), Some(O::ReleaseHeld)),
        ("LedgerService/Tail", vec![], Some(O::ReadLedger)),
        ("LedgerService/Verify", vec![], Some(O::ReadLedger)),
        ("LedgerService/StateAsOf", vec![], Some(O::ReadLedger)),
        ("BackupService/CreateBackup", vec![], Some(O::BackUp)),
        ("AuditService/Why", why.encode_to_vec(), Some(O::ReadLedger)),
        ("AuditService/WhoCan", who_can.encode_to_vec(), Some(O::ReadLedger)),
        ("AuditService/Diff", vec![], Some(O::ReadLedger)),
        ("AuditService/ListAccess", vec![], Some(O::ReadLedger)),
        ("AuditService/Replay", replay.encode_to_vec(), Some(O::ReadLedger)),
        ("LedgerService/Prove", vec![], Some(O::ReadLedger)),
        ("LedgerService/StreamStateAsOf", vec![], Some(O::ReadLedger)),
        ("AuditService/StreamWhoCan", all_who_can.encode_to_vec(), Some(O::ReadLedger)),
        ("AuditService/Resolve", vec![], Some(O::ReadLedger)),
        ("AuditService/StreamDiff", vec![], Some(O::ReadLedger)),
        ("SessionService/ListSessions", vec![], Some(O::ReadSessions)),
        ("SessionService/GetSession", get.encode_to_vec(), Some(O::ReadSessions)),
        ("SessionService/ExportSession", export.encode_to_vec(), Some(O::ReadSessions)),
        ("SessionService/ResetSession", reset.encode_to_vec(), Some(O::ManageSessions)),
        ("SessionService/DeleteSession", delete.encode_to_vec(), Some(O::ManageSessions)),
        ("AgentService/ListAgents", vec![], Some(O::ReadModels)),
        ("AgentService/RunAgent", say.encode_to_vec(), Some(O::Complete)),
        ("AuditService/StreamReplay", replayed.encode_to_vec(), Some(O::ReadLedger)),
    ]
}

/// Messages as bytes.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// The first message of the answer, if there is one.
pub async fn call(client: &Client, path: &str, message: &[u8]) -> Result<Option<Vec<u8>>, Status> {
    let mut grpc = Grpc::new(client.line.clone());
    grpc.ready().await.unwrap();
    let path: PathAndQuery = format!("/doorward.admin.v1.{path}").parse().unwrap();
    let request = tonic::Request::new(message.to_vec());
    grpc.server_streaming(request, path, Raw).await?.into_inner().message().await
}

/// The calls that the contract has, by its own files.
fn contract() -> BTreeSet<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let folder = root.join("doorward/admin/v1");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let descriptors = protox::compile(files, [root]).unwrap();
    let services = descriptors.file.into_iter().flat_map(|file| file.service);
    services
        .flat_map(|service| {
            let name = service.name().to_owned();
            let calls = service.method.into_iter();
            calls.map(move |call| format!("{name}/{}", call.name())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_call_of_the_contract_has_a_row() {
    let rows: BTreeSet<_> = rows().into_iter().map(|(path, _, _)| path.to_owned()).collect();
    assert_eq!(rows, contract());
}

#[test]
fn no_call_works_without_authority() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let size = gateway.state();
    block_on(async {
        let basic = Carried::default().and("authorization", "Basic aG9zdDpob3N0");
        let empty = Carried::default().and("authorization", "Bearer ");
        let two = Carried::bearer("dwst_a").and("authorization", "Bearer dwst_b");
        let proxied = Carried::bearer("dwst_a").and("x-forwarded-for", "127.0.0.1");
        let required = (Code::Unauthenticated, "BEARER_REQUIRED");
        for (way, carried, expected) in [
            (Way::Network, Carried::default(), required),
            (Way::Network, basic.clone(), required),
            (Way::Socket, basic, required),
            (Way::Socket, empty, required),
            (Way::Network, two, required),
            (Way::Network, proxied, (Code::PermissionDenied, "PROXY_ATTRIBUTION_REQUIRED")),
            (
                Way::Network,
                Carried::bearer("dwst_unknown"),
                (Code::Unauthenticated, "SERVICE_TOKEN_INVALID"),
            ),
            (
                Way::Socket,
                Carried::bearer("dwst_unknown"),
                (Code::Unauthenticated, "SERVICE_TOKEN_INVALID"),
            ),
            (Way::Network, Carried::bearer("x"), (Code::Unauthenticated, "AUTH_TOKEN_MISMATCH")),
            (Way::Socket, Carried::bearer("x"), (Code::Unauthenticated, "AUTH_TOKEN_MISMATCH")),
        ] {
            let stranger = Client::connect(&gateway, way, carried).await;
            for (path, message, _) in rows() {
                let (code, name) = refusal(call(&stranger, path, &message).await);
                assert_eq!((code, name.as_str()), expected, "{path} over {way:?}");
            }
        }
    });
    assert!(*size == *gateway.state(), "nothing was changed");
}

#[test]
fn each_call_takes_exactly_its_scope() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let mut host = Client::host(&gateway).await;
        for held in Known::ALL {
            let scopes = Some(Scopes { names: vec![held.name().into()] });
            let order = CreateTokenRequest {
                name: held.name().into(),
                scopes,
                ..CreateTokenRequest::default()
            };
            let token = host.tokens.create_token(order).await.unwrap().into_inner();
            let holds = ScopeSet::from_iter([*held]);
            for way in WAYS {
                let caller = Client::with(&gateway, way, &token.secret).await;
                for (path, message, operation) in rows() {
                    let outcome = call(&caller, path, &message).await;
                    let denied = outcome.err().and_then(denied);
                    let expected = operation.and_then(|operation| denial(operation, &holds));
                    assert_eq!(denied.as_deref(), expected, "{path} with {held:?} over {way:?}");
                }
            }
        }
        for (path, message, _) in rows() {
            let denied = call(&host, path, &message).await.err().and_then(denied);
            assert_eq!(denied, None, "{path} by the host");
        }
    });
}

/// The stable code of a failure at gate 1.
fn denied(failure: Status) -> Option<String> {
    let gate = ["MISSING_SCOPE", "HOST_ONLY", "WRONG_ROLE", "DEVICE_IDENTITY_REQUIRED"];
    let code = refusal::<()>(Err(failure)).1;
    gate.contains(&code.as_str()).then_some(code)
}

/// What gate 1 says to a service token that holds this.
fn denial(operation: Operation, holds: &ScopeSet) -> Option<&'static str> {
    use doorward::domain::operation::Requirement::*;
    match operation.requirement() {
        Scope(scope) | ScopeOrNode(scope) | ScopeOrOwn(scope) => {
            (!holds.satisfies_known(scope)).then_some("MISSING_SCOPE")
        }
        Root => Some("HOST_ONLY"),
        other => panic!("no call takes {other:?}"),
    }
}
