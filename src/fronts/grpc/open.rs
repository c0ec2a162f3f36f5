//! What is open to everyone: health and reflection, so that stock tools work (`grpc_health_probe`,
//! `grpcurl`, Postman).
//!
//! Both are without a secret. Health says what `GET /readyz` says; reflection gives the contract,
//! which is public in `proto/`. The doorkeeper lets these calls pass without a caller, so nothing
//! behind them can act for anyone.

use std::io;

use tonic_health::{
    ServingStatus,
    pb::{self, health_server::Health, health_server::HealthServer},
    server::health_reporter,
};
use tonic_reflection::{
    pb::{v1 as reflection, v1alpha as reflection_alpha},
    server::{
        Builder,
        v1::{ServerReflection, ServerReflectionServer},
        v1alpha,
    },
};

use crate::{
    proto::{
        DESCRIPTORS,
        v1::{
            agent_service_server, approval_service_server, audit_service_server,
            backup_service_server, explain_service_server, gateway_service_server,
            key_service_server, ledger_service_server, lockout_service_server,
            pairing_service_server, review_service_server, secret_service_server,
            session_service_server, setup_service_server, token_service_server,
        },
    },
    support::shutdown::Shutdown,
};

/// The services that take no authority.
const OPEN: &[&str] = &[
    pb::health_server::SERVICE_NAME,
    reflection::server_reflection_server::SERVICE_NAME,
    reflection_alpha::server_reflection_server::SERVICE_NAME,
];

/// Whose health can be asked; the empty name stands for the gateway as a whole.
const WATCHED: &[&str] = &[
    "",
    pb::health_server::SERVICE_NAME,
    reflection::server_reflection_server::SERVICE_NAME,
    reflection_alpha::server_reflection_server::SERVICE_NAME,
    agent_service_server::SERVICE_NAME,
    approval_service_server::SERVICE_NAME,
    audit_service_server::SERVICE_NAME,
    backup_service_server::SERVICE_NAME,
    explain_service_server::SERVICE_NAME,
    gateway_service_server::SERVICE_NAME,
    key_service_server::SERVICE_NAME,
    ledger_service_server::SERVICE_NAME,
    lockout_service_server::SERVICE_NAME,
    pairing_service_server::SERVICE_NAME,
    review_service_server::SERVICE_NAME,
    secret_service_server::SERVICE_NAME,
    session_service_server::SERVICE_NAME,
    setup_service_server::SERVICE_NAME,
    token_service_server::SERVICE_NAME,
];

/// Whether a call of this path (`/package.Service/Call`) is open to everyone.
pub(super) fn is_open(path: &str) -> bool {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    service.is_some_and(|(service, _)| OPEN.contains(&service))
}

/// The health of every service: serving until the ledger breaks or the gateway stops. Every service
/// needs the ledger, so they share one answer. Watches end when the gateway stops.
pub(super) async fn health(
    broken: impl Future<Output = ()> + Send + 'static,
    shutdown: Shutdown,
) -> HealthServer<impl Health> {
    let (mut reporter, server) = health_reporter();
    for name in WATCHED {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    tokio::spawn(async move {
        tokio::select! {
            () = broken => {}
            () = shutdown.begun() => {}
        }
        for name in WATCHED {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
        shutdown.begun().await;
        // Whoever watches would keep its connection, and so the gateway, from ending.
        for name in WATCHED {
            reporter.clear_service_status(name).await;
        }
    });
    server
}

/// The contract, for clients that ask for it.
///
/// # Errors
/// If the descriptors cannot be read; then the build is broken.
pub(super) fn reflect() -> io::Result<ServerReflectionServer<impl ServerReflection>> {
    contract().build_v1().map_err(io::Error::other)
}

/// The same for clients of the older protocol.
///
/// # Errors
/// As [`reflect`].
pub(super) fn reflect_alpha()
-> io::Result<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>> {
    contract().build_v1alpha().map_err(io::Error::other)
}

fn contract() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio_stream::StreamExt as _;
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus as Said,
        health_client::HealthClient,
    };

    use super::*;

    #[test]
    fn nothing_else_is_open() {
        for (path, expected) in [
            ("/grpc.health.v1.Health/Check", true),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true),
            ("/doorward.admin.v1.GatewayService/Status", false),
            ("/grpc.health.v1.Health", false),
            ("/grpc.health.v1.HealthService/Check", false),
            ("//grpc.health.v1.Health/Check", false),
            ("/doorward.admin.v1.GatewayService/grpc.health.v1.Health/Check", false),
            ("grpc.health.v1.Health/Check", false),
            ("", false),
        ] {
            assert_eq!(is_open(path), expected, "{path}");
        }
    }

    /// As `GET /readyz`: a ledger that takes no records is told, also before the gateway stops.
    #[tokio::test]
    async fn a_broken_ledger_is_told_for_every_service() {
        let (breaks, broken) = oneshot::channel::<()>();
        let shutdown = Shutdown::default();
        let server = health(async { drop(broken.await) }, shutdown.clone()).await;
        let mut client = HealthClient::new(server);
        let asked = |name: &&str| HealthCheckRequest { service: (*name).to_owned() };
        let mut watches = vec![];
        for name in WATCHED {
            let mut watch = client.watch(asked(name)).await.unwrap().into_inner();
            assert_eq!(watch.next().await.unwrap().unwrap().status(), Said::Serving, "{name}");
            watches.push(watch);
        }
        breaks.send(()).unwrap();
        for (name, watch) in WATCHED.iter().zip(&mut watches) {
            assert_eq!(watch.next().await.unwrap().unwrap().status(), Said::NotServing, "{name}");
            let now = client.check(asked(name)).await.unwrap().into_inner();
            assert_eq!(now.status(), Said::NotServing, "{name}");
        }
        shutdown.begin();
        for mut watch in watches {
            assert!(watch.next().await.is_none(), "a watch outlives the gateway");
        }
    }
}
