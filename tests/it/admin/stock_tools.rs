//! What stock tools do: ask for health as `grpc_health_probe` does, and call like `grpcurl`, with
//! nothing but what reflection tells.

use std::collections::BTreeSet;

use doorward::proto::v1::{CreateTokenRequest, Scopes};
use prost_reflect::{DescriptorPool, DynamicMessage, ServiceDescriptor};
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    client::{Carried, Client, Line, WAYS, Way, refusal},
    every_call::call,
    gateway::{Gateway, block_on},
};

/// A client of one version of the protocol: gives what the server answers to one question.
macro_rules! reflection {
    ($name:ident, $version:ident) => {
        mod $name {
            use prost_reflect::{
                DescriptorPool, prost::Message as _, prost_types::FileDescriptorProto,
            };
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest as Ask,
                server_reflection_response::MessageResponse as Answer,
            };

            use super::Line;

            async fn ask(line: &Line, question: Ask) -> Answer {
                let mut client = ServerReflectionClient::new(line.clone());
                let request = ServerReflectionRequest {
                    message_request: Some(question),
                    ..Default::default()
                };
                let once = tokio_stream::once(request);
                let mut answers = client.server_reflection_info(once).await.unwrap().into_inner();
                answers.message().await.unwrap().unwrap().message_response.unwrap()
            }

            pub async fn services(line: &Line) -> Vec<String> {
                match ask(line, Ask::ListServices(String::new())).await {
                    Answer::ListServicesResponse(list) => {
                        list.service.into_iter().map(|service| service.name).collect()
                    }
                    other => panic!("{other:?}"),
                }
            }

            /// Everything that the service needs, each file by its name.
            pub async fn describe(line: &Line, service: &str) -> DescriptorPool {
                let mut wanted = vec![Ask::FileContainingSymbol(service.to_owned())];
                let mut files: Vec<FileDescriptorProto> = vec![];
                while let Some(question) = wanted.pop() {
                    let Answer::FileDescriptorResponse(answer) = ask(line, question).await else {
                        panic!("no descriptor of {service}");
                    };
                    for file in answer.file_descriptor_proto {
                        let file = FileDescriptorProto::decode(&*file).unwrap();
                        let new = |name: &&String| files.iter().all(|one| one.name() != *name);
                        let more = file.dependency.iter().filter(new).cloned();
                        wanted.extend(more.map(Ask::FileByFilename));
                        files.retain(|one| one.name() != file.name());
                        files.push(file);
                    }
                }
                let mut pool = DescriptorPool::new();
                pool.add_file_descriptor_protos(files).unwrap();
                pool
            }
        }
    };
}

reflection!(current, v1);
reflection!(older, v1alpha);

const PAIRING: &str = "doorward.admin.v1.PairingService";

/// The contract that each version tells, to a client without any credential.
async fn told(gateway: &Gateway, way: Way) -> Vec<(Vec<String>, DescriptorPool)> {
    let line = Client::connect(gateway, way, Carried::default()).await.line;
    vec![
        (current::services(&line).await, current::describe(&line, PAIRING).await),
        (older::services(&line).await, older::describe(&line, PAIRING).await),
    ]
}

async fn list_devices(client: &Client, pairing: &ServiceDescriptor) -> DynamicMessage {
    let method = pairing.methods().find(|method| method.name() == "ListDevices").unwrap();
    let request = DynamicMessage::new(method.input());
    let path = format!("{}/{}", pairing.name(), method.name());
    let bytes = prost_reflect::prost::Message::encode_to_vec(&request);
    let answer = call(client, &path, &bytes).await.unwrap().unwrap();
    DynamicMessage::decode(method.output(), &*answer).unwrap()
}

#[test]
fn a_client_that_knows_only_reflection_can_call() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let request = gateway.ask(1, "operator.read");
    block_on(async {
        let mut host = Client::host(&gateway).await;
        let scopes = Some(Scopes { names: vec!["operator.pairing".into()] });
        let asked = CreateTokenRequest { name: "ui".into(), scopes, ..Default::default() };
        let secret = host.tokens.create_token(asked).await.unwrap().into_inner().secret;
        for way in WAYS {
            for (services, pool) in told(&gateway, way).await {
                assert!(services.iter().any(|name| name == PAIRING), "{services:?}");
                let pairing = pool.get_service_by_name(PAIRING).unwrap();
                let caller = Client::with(&gateway, way, &secret).await;
                let answer = list_devices(&caller, &pairing).await;
                let pending = answer.get_field_by_name("pending").unwrap();
                let [one] = pending.as_list().unwrap() else { panic!("{pending:?}") };
                let id = one.as_message().unwrap().get_field_by_name("request_id").unwrap();
                assert_eq!(id.as_str(), Some(&*request));
            }
        }
        // To know the contract is not to have a right.
        let stranger = Client::connect(&gateway, Way::Network, Carried::default()).await;
        let refused = refusal(call(&stranger, "PairingService/ListDevices", &[]).await);
        assert_eq!(refused, (Code::Unauthenticated, "BEARER_REQUIRED".into()));
    });
}

#[test]
fn health_is_told_to_everyone_and_for_each_service() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(dir.path());
    let asked = |service: &str| HealthCheckRequest { service: service.to_owned() };
    block_on(async {
        let mut watches = vec![];
        for way in WAYS {
            // A credential that is no good does not make the gateway look ill.
            for carried in [Carried::default(), Carried::bearer("dwst_unknown")] {
                let line = Client::connect(&gateway, way, carried).await.line;
                let mut names: BTreeSet<_> = current::services(&line).await.into_iter().collect();
                names.extend(older::services(&line).await);
                assert_eq!(names.len(), 18, "{names:?}");
                names.insert(String::new());
                let mut health = HealthClient::new(line);
                for name in names {
                    let now = health.check(asked(&name)).await.unwrap().into_inner();
                    assert_eq!(now.status(), ServingStatus::Serving, "{name} over {way:?}");
                }
                let unknown = health.check(asked("no.Service")).await.unwrap_err();
                assert_eq!(unknown.code(), Code::NotFound);
                let mut watch = health.watch(asked("")).await.unwrap().into_inner();
                let first = watch.next().await.unwrap().unwrap();
                assert_eq!(first.status(), ServingStatus::Serving);
                watches.push(watch);
            }
        }
        let stopping = std::thread::spawn(move || gateway.stop());
        for mut watch in watches {
            let last = watch.next().await.unwrap().unwrap();
            assert_eq!(last.status(), ServingStatus::NotServing);
            assert!(watch.next().await.is_none(), "it would keep the gateway from stopping");
        }
        stopping.join().unwrap();
    });
}
