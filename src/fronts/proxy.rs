//! What every door says to a proxy that the gateway was not told of.

use actix_web::HttpResponse;

use crate::service::NotAttributable;

/// docs/PROTOCOL.md (h): the real gateway's answer to a proxy that it was not told of.
pub fn not_attributable(fault: NotAttributable) -> HttpResponse {
    HttpResponse::Forbidden().json(serde_json::json!({
        "error": {
            "type": "proxy_attribution_required",
            "message": format!(
                "Proxy client attribution is required: the request carries `{}`, and no proxy is \
                 trusted. Connect directly, or make the proxy drop forwarding headers.",
                fault.header
            ),
        }
    }))
}
