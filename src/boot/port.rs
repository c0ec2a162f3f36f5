//! The one port: any path can become a WebSocket, and everything else is HTTP.

use std::{io, net::TcpListener};

use actix_web::{
    App, HttpRequest, HttpServer, dev::ServerHandle, middleware::DefaultHeaders,
    rt::net::TcpStream, web,
};

use super::BACKLOG;
use crate::{
    actors::limits,
    fronts::{http, ws},
    service::Service,
};

/// A kernel that has bytes for a peer which does not take them gives up after this long.
const TCP_USER_TIMEOUT_MS: u32 = 30_000;

/// Opens the port for WebSocket and HTTP, which serves until it is told to stop.
pub(super) fn open(listener: TcpListener, service: &Service) -> io::Result<ServerHandle> {
    let service = web::Data::new(service.clone());
    let server = HttpServer::new(move || {
        App::new().app_data(service.clone()).wrap(standing_headers()).default_service(web::to(door))
    });
    let server = server
        .workers(std::thread::available_parallelism().map_or(2, usize::from).min(4))
        .backlog(BACKLOG)
        .disable_signals()
        .shutdown_timeout(limits::DRAIN_DEADLINE.as_secs())
        // Who closes their side is gone: HTTP clients keep it open while they wait, and work for
        // nobody would go on until the next byte is written to them.
        .h1_allow_half_closed(false)
        .on_connect(|connection, _| {
            if let Some(stream) = connection.downcast_ref::<TcpStream>() {
                let _ = stream.set_nodelay(true);
                let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, TCP_USER_TIMEOUT_MS);
            }
        })
        .listen(listener)?
        .run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok(handle)
}

/// What every answer carries, as those of the real gateway do.
fn standing_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Permissions-Policy", "camera=(), microphone=(self), geolocation=()"))
}

/// Any path can become a WebSocket; everything else is HTTP.
async fn door(
    request: HttpRequest,
    payload: web::Payload,
    service: web::Data<Service>,
) -> Result<actix_web::HttpResponse, actix_web::Error> {
    match ws::socket::wants_upgrade(&request) {
        true => ws::socket::upgrade(request, payload, service).await,
        false => Ok(http::serve(&request, payload, &service).await),
    }
}
