//! What can be typed about agents and sessions. Names and flags are those of OpenClaw's command line,
//! where it has them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do about agents.
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// List the agents, and what answers for each
    #[command(after_help = "\
Example:
  doorward agents list
Agents are configured under `agents` in the file; docs/AGENTS.md says how.")]
    List,
}

/// What to say, and to whom.
#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    /// What to say
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
    /// The agent [default: the one that answers where nobody is named]
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// The session, `agent:ID:NAME` or a name of --agent's [default: the agent's main session]
    #[arg(long, value_name = "KEY")]
    pub session_key: Option<String>,
    /// A model for this answer alone, such as ollama/llama3.2
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// How long it may take, if less than the agent may
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// What to do about sessions.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List the sessions, newest first
    #[command(after_help = "\
Example:
  doorward sessions list
  doorward sessions list --active 120 --agent main    of the last two hours, of one agent
  doorward sessions list --limit all --json")]
    List {
        /// Only those in which something happened within so many minutes
        #[arg(long, value_name = "MINUTES")]
        active: Option<u64>,
        /// Only those of this agent
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
        /// Also those that were put away
        #[arg(long)]
        archived: bool,
        /// How many to show, or `all`
        #[arg(long, value_name = "COUNT", default_value = "100", value_parser = limit)]
        limit: usize,
    },
    /// Show a session and what was said in it last
    #[command(after_help = "\
Example:
  doorward sessions show agent:main:main
  doorward sessions show main --limit 50              the main session of the default agent")]
    Show {
        /// Which
        #[command(flatten)]
        session: SessionArgs,
        /// How many messages, at most 200
        #[arg(long, value_name = "COUNT", default_value_t = 10)]
        limit: u32,
    },
    /// Write everything that was said in a session, a line of JSON for each message
    ///
    /// Oldest first, also what was said before resets. docs/AGENTS.md says what is in a line.
    #[command(after_help = "\
Example:
  doorward sessions export agent:main:main | jq -r '.parts[].text // empty'
  doorward sessions export main --to main.jsonl       into a file, which must not exist")]
    Export {
        /// Which
        #[command(flatten)]
        session: SessionArgs,
        /// The new file [default: standard output]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Begin a session anew under its key; what was said is kept, the newest 16 times
    #[command(after_help = "\
Example:
  doorward sessions reset agent:main:main")]
    Reset {
        /// Which
        #[command(flatten)]
        session: SessionArgs,
    },
    /// Delete sessions with everything that was said in them, also before resets
    #[command(after_help = "\
Example:
  doorward sessions delete agent:main:scratch           what would be deleted; exits 1
  doorward sessions export agent:main:scratch --to scratch.jsonl
  doorward sessions delete agent:main:scratch --yes")]
    Delete {
        /// Their keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        /// The agent, for keys that name none [default: the default one]
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
        /// Only say what would be deleted, as without --yes
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
}

/// Which session.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    /// Its key, `agent:ID:NAME` or a name alone
    pub key: String,
    /// The agent, for a key that names none [default: the default one]
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
}

fn limit(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        text => text.parse().map_err(|_| "a number, or `all`".into()),
    }
}
