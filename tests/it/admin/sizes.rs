//! Requests that are too large to be read.

use doorward::proto::{
    REQUEST_BYTES_MAX,
    v1::{
        ListDevicesRequest, StreamWhoCanRequest, WhoCanRequest,
        audit_service_client::AuditServiceClient,
    },
};
use prost::Message;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    client::{Carried, Client, WAYS, refusal},
    gateway::{Gateway, SHARED, block_on},
};

/// A request of exactly so many bytes, most of which are its text.
fn sized<M: Message>(bytes: usize, request: fn(String) -> M) -> M {
    let around = request("x".repeat(bytes)).encoded_len() - bytes;
    let request = request("x".repeat(bytes - around));
    assert_eq!(request.encoded_len(), bytes);
    request
}

fn list(page_token: String) -> ListDevicesRequest {
    ListDevicesRequest { page_size: 0, page_token }
}

fn who_can(scope: String) -> StreamWhoCanRequest {
    StreamWhoCanRequest { ask: Some(WhoCanRequest { scope, at: None }) }
}

fn health(service: String) -> HealthCheckRequest {
    HealthCheckRequest { service }
}

/// Calls and streams, of every service: that which is open to everyone, too.
#[test]
fn a_request_that_is_too_large_is_told_so_and_the_connection_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let too_large = (Code::ResourceExhausted, "REQUEST_TOO_LARGE".to_owned());
    block_on(async {
        for way in WAYS {
            let mut client = Client::connect(&gateway, way, Carried::bearer(SHARED)).await;
            let mut audit = AuditServiceClient::new(client.line.clone());
            let mut probe = HealthClient::new(client.line.clone());
            for bytes in [REQUEST_BYTES_MAX + 1, 20 * REQUEST_BYTES_MAX] {
                let told = client.pairing.list_devices(sized(bytes, list)).await;
                let missing = told.as_ref().unwrap_err().metadata().get("doorward-missing");
                assert_eq!(missing.unwrap(), "a request of at most 262144 bytes", "{way:?}");
                assert_eq!(refusal(told), too_large, "{way:?} {bytes}");
                let told = audit.stream_who_can(sized(bytes, who_can)).await;
                assert_eq!(refusal(told.map(|_| ())), too_large, "{way:?} {bytes}");
                let told = probe.check(sized(bytes, health)).await;
                assert_eq!(refusal(told), too_large, "{way:?} {bytes}");
            }
            // What is as large as may be is read, and answered for what it says.
            let told = client.pairing.list_devices(sized(REQUEST_BYTES_MAX, list)).await;
            assert_eq!(refusal(told).1, "PAGE_TOKEN_UNFIT", "{way:?}");
            let told = audit.stream_who_can(sized(REQUEST_BYTES_MAX, who_can)).await;
            assert_eq!(refusal(told.map(|_| ())).1, "INVALID_REQUEST", "{way:?}");
            let told = probe.check(sized(REQUEST_BYTES_MAX, health)).await;
            assert_eq!(told.unwrap_err().code(), Code::NotFound, "{way:?}");
        }
    });
}
