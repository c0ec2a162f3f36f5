//! Opens what the talk needs: the transcripts, the agents, the threads on which runs work.

use anyhow::Context as _;

use crate::{
    actors::hub::HubHandle,
    config::Settings,
    service::{Agents, FoundOnOpening, Talk},
};

/// Opens it. Transcripts that do not open stop the start: a gateway that forgets what was said
/// without a word would be worse.
pub(super) fn open(settings: &Settings, hub: &HubHandle) -> anyhow::Result<Talk> {
    let dir = settings.state_dir.join("sessions");
    let (talk, found) = Talk::open(&dir, Agents::embedded(), hub.clone()).with_context(|| {
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
