//! How every door takes a request in, and what it says when nobody can tell whose it is.

use actix_web::{HttpRequest, HttpResponse};

use crate::service::{Arrival, NotAttributable, Service};

/// Takes a request in, with the address of its socket and the lines of its header.
///
/// # Errors
/// If the peer speaks for someone whom nobody can name.
pub fn arrive(request: &HttpRequest, service: &Service) -> Result<Arrival, NotAttributable> {
    let lines = request.headers().iter();
    let lines: Vec<_> = lines.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    service.arrive(request.peer_addr().map(|address| address.ip()), &lines)
}

/// docs/PROTOCOL.md (h): the real gateway's answer to a proxy that is not trusted or does not name
/// its client, with the rule and the remedy in its message.
pub fn not_attributable(fault: &NotAttributable) -> HttpResponse {
    let header = fault.header.as_ref().map(|header| format!(" (`{header}`)")).unwrap_or_default();
    HttpResponse::Forbidden().json(serde_json::json!({
        "error": {
            "type": "proxy_attribution_required",
            "message": format!(
                "Proxy client attribution is required: {}{header}. To change that, {}.",
                fault.rule.sentence(),
                fault.rule.remedy(fault.peer),
            ),
        }
    }))
}
