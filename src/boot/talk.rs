//! Opens what the talk needs: the transcripts, the agents, the threads on which runs work.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;

use super::agents::description;
use crate::{
    actors::hub::HubHandle,
    config::{self, Settings},
    runtimes::build,
    service::{Agent, Agents, Approver, FoundOnOpening, Retention, Service, Talk, Tended},
};

/// Opens it. Transcripts that do not open stop the start: a gateway that forgets what was said
/// without a word would be worse.
pub(super) fn open(
    settings: &Settings,
    hub: &HubHandle,
    approver: Approver,
) -> anyhow::Result<Talk> {
    let dir = settings.state_dir.join("sessions");
    let (talk, found) = Talk::open(&dir, agents(settings, approver), hub.clone()).with_context(|| {
        format!(
            "cannot open the sessions in {}; restore them from a backup, or move the directory away \
             to begin without them",
            dir.display()
        )
    })?;
    let FoundOnOpening { mended, interrupted } = found;
    for mended in mended {
        tracing::warn!(?mended, "the sessions' database was mended on opening");
    }
    if interrupted > 0 {
        tracing::warn!(interrupted, "runs were interrupted by the last stop and are marked so");
    }
    Ok(talk)
}

/// Finishes what was being done to sessions when the last run ended.
pub(super) async fn settle(service: &Service) -> anyhow::Result<()> {
    let settled = service.settle_sessions().await;
    settled.map_err(|refusal| anyhow::anyhow!("cannot settle the sessions: {}", refusal.code()))
}

/// How often sessions are looked at that nobody comes back to.
const TEND_INTERVAL: Duration = Duration::from_secs(60);

/// Looks now and then for sessions that nobody comes back to, if something is to become of them.
pub(super) async fn tend(service: Service, configured: config::Retention) {
    let config::Retention { put_away_after, unarchived_max, delete_after, delete_main, only_warns } =
        configured;
    let retention =
        Retention { put_away_after, unarchived_max, delete_after, delete_main, only_warns };
    while configured.is_on() {
        let Tended { put_away, deleted } = service.tend_sessions(&retention).await;
        if put_away + deleted > 0 {
            tracing::info!(put_away, deleted, "sessions that nobody came back to");
        }
        tokio::time::sleep(TEND_INTERVAL).await;
    }
}

/// Who answers, as the configuration has it.
fn agents(settings: &Settings, approver: Approver) -> Agents {
    let configured = settings.agents.clone();
    let permissions = Arc::new(approver);
    let all = configured.list.iter().map(|agent| Agent {
        id: agent.id.clone(),
        name: agent.name.clone(),
        emoji: agent.emoji.clone(),
        instructions: agent.instructions.clone(),
        runtime: build(description(agent, &configured), permissions.clone()),
        deadline: agent.timeout,
    });
    let (all, default) = (all.collect(), configured.default.clone());
    let route = Arc::new(move |channel: &str| configured.route(channel, None, None).cloned());
    let prices = settings.agents.providers.iter().flat_map(|provider| {
        let named = provider.prices.iter();
        named.map(|(name, price)| ((provider.id.clone(), name.clone()), *price))
    });
    Agents::new(all, Some(default), route).priced(prices.collect())
}
