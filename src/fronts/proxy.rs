//! Where a request comes from, for every door, and what a door says when nobody can tell.

use actix_web::{HttpRequest, HttpResponse};

use crate::service::{Attribution, NotAttributable, Service};

/// Attributes a request by its socket and its header.
///
/// # Errors
/// If the peer speaks for someone whom nobody can name.
pub fn attribute(request: &HttpRequest, service: &Service) -> Result<Attribution, NotAttributable> {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let peer = request.peer_addr().map(|address| address.ip());
    service.info().proxies.attribute(peer, headers)
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
