//! `control-ui-config.json`: what the page asks for before it draws anything of this gateway.
//!
//! The shape is the real gateway's. What doorward does not have is said to be off.

use actix_web::{HttpRequest, HttpResponse, http::header::CACHE_CONTROL};
use serde_json::json;

use crate::{
    domain::{refusal::Refusal, registry::session::Session},
    fronts::http::auth,
    service::{ControlUi, Service},
};

/// Where it is, below the page's own path; older pages ask for the longer ones.
pub(super) const PATHS: [&str; 3] = [
    "control-ui-config.json",
    "__openclaw/control-ui-config.json",
    "__openclaw__/control-ui-config.json",
];

/// Answers whoever may know which agents there are.
pub(super) async fn serve(
    request: &HttpRequest,
    service: &Service,
    ui: &ControlUi,
) -> HttpResponse {
    let session = match auth::enter(request, service).await {
        Ok(session) => session,
        Err(no) => return no,
    };
    match document(service, &session, ui) {
        Ok(document) => {
            HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(document)
        }
        Err(refusal) => auth::denied(request, service, &session, PATHS[0], &refusal),
    }
}

fn document(
    service: &Service,
    session: &Session,
    ui: &ControlUi,
) -> Result<serde_json::Value, Refusal> {
    let agents = service.agents(&session.standing)?;
    let agent = agents.get(agents.default_id())?;
    let name = agent.name.as_deref().unwrap_or(agent.id.as_str());
    let initial = || name.chars().next().map(|first| first.to_uppercase().to_string());
    Ok(json!({
        "basePath": ui.base_path,
        "assistantName": name,
        "assistantAvatar": agent.emoji.clone().or_else(initial).unwrap_or_default(),
        "assistantAvatarSource": null,
        "assistantAvatarStatus": null,
        "assistantAvatarReason": null,
        "assistantAgentId": agent.id.as_str(),
        "serverVersion": service.info().version,
        "embedSandbox": "strict",
        "allowExternalEmbedUrls": false,
        "automaticallyFetchFavicons": false,
        "communityInvite": false,
        "terminalEnabled": false,
        "cliAgentsEnabled": false,
        "pluginAssetsRequireAuth": true,
        "pluginFrameGrants": [],
    }))
}
