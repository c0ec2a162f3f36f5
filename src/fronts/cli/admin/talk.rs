//! The calls about agents and sessions.

use super::{Admin, named, soon};
use crate::{
    fronts::cli::exit::Trouble,
    proto::v1::{
        DeleteSessionRequest, ExportSessionRequest, ExportSessionResponse, GetSessionRequest,
        GetSessionResponse, ListAgentsRequest, ListAgentsResponse, ListSessionsRequest,
        ListSessionsResponse, ResetSessionRequest, RunAgentRequest, RunAgentResponse, Session,
        SessionName, run_agent_response::Step,
    },
};

impl Admin {
    /// The agents.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn agents(&mut self) -> Result<ListAgentsResponse, Trouble> {
        answered!(self.agents.list_agents(soon(ListAgentsRequest {})))
    }

    /// Says something to an agent.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn run_agent(&mut self, request: RunAgentRequest) -> Result<Steps, Trouble> {
        answered!(self.agents.run_agent(named(request))).map(Steps)
    }

    /// The sessions, by key.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn sessions(
        &mut self,
        request: ListSessionsRequest,
    ) -> Result<ListSessionsResponse, Trouble> {
        every_page!(self.sessions.list_sessions(soon, request), sessions)
    }

    /// A session, with so many of its newest messages.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn session(
        &mut self,
        name: SessionName,
        messages: u32,
    ) -> Result<GetSessionResponse, Trouble> {
        let request = GetSessionRequest { session: Some(name), messages };
        answered!(self.sessions.get_session(soon(request)))
    }

    /// Everything that was said in a session.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn export_session(&mut self, name: SessionName) -> Result<Lines, Trouble> {
        let request = ExportSessionRequest { session: Some(name) };
        answered!(self.sessions.export_session(named(request))).map(Lines)
    }

    /// Begins a session anew.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn reset_session(&mut self, name: SessionName) -> Result<Session, Trouble> {
        let request = ResetSessionRequest { session: Some(name) };
        let reset = answered!(self.sessions.reset_session(named(request)))?;
        Ok(reset.session.unwrap_or_default())
    }

    /// Deletes a session, if it still has the transcript that was seen.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn delete_session(
        &mut self,
        name: SessionName,
        session_id: String,
    ) -> Result<Session, Trouble> {
        let request = DeleteSessionRequest { session: Some(name), session_id };
        let deleted = answered!(self.sessions.delete_session(named(request)))?;
        Ok(deleted.session.unwrap_or_default())
    }
}

/// What becomes of a run, as it comes.
pub struct Steps(tonic::Streaming<RunAgentResponse>);

impl Steps {
    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// What ended the stream.
    pub async fn next(&mut self) -> Result<Option<Step>, Trouble> {
        let next = self.0.message().await.map_err(|failure| trouble!(failure))?;
        Ok(next.and_then(|next| next.step))
    }
}

/// An export as it comes.
pub struct Lines(tonic::Streaming<ExportSessionResponse>);

impl Lines {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What ended the stream.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let piece = self.0.message().await.map_err(|failure| trouble!(failure))?;
        Ok(piece.map(|piece| piece.data))
    }
}
