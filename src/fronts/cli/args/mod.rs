//! What can be typed, and the help that teaches it.
//!
//! Only shapes live here; each command has a file of its own that does the work. Nothing is looked
//! up and nothing decided while a line is read.
//!
//! Start with [`Cli`].

mod approvals;
mod audit;
mod backup;
mod credentials;
mod devices;
mod talk;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::bench::BenchOptions;
use crate::support::secret::Secret;

pub use approvals::ApprovalsCommand;
pub use audit::{
    AccessWord as DoorWord, AuditCommand, ExportArgs, ExportTarget, FilterArgs, LogArgs,
    Time as SinceTime, When,
};
pub use backup::{BackupCommand, RestoreArgs, ReviewCommand};
pub use credentials::{AuthCommand, ExplainArgs, KeysCommand, LockoutsCommand, TokensCommand};
pub use devices::{AccessWord, DevicesCommand, Force, InRole, RoleWord, SetupArgs};
pub use talk::{AgentArgs, AgentsCommand, SessionArgs, SessionsCommand};

const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  not done: nothing to do, only a preview, or a warning (of doctor, or under --strict)
   2  the command line is wrong
   3  refused: the caller lacks the authority; the message says who can grant it
   4  the gateway cannot be reached
   5  the ledger is broken
  70  doorward itself failed

Environment:
  DOORWARD_STATE_DIR  where the gateway keeps its state, unless --state-dir is given
  NO_COLOR            print without colour

First steps:
  doorward run                 start the gateway
  doorward bootstrap           make the first device the owner, with a code
  doorward devices list        see who waits for approval
  doorward devices approve ID  let one in";

/// A gateway for homelab operators, with a ledger of who may do what and by whose word.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command, before or after it.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// Where the gateway keeps its state [default: ~/.doorward]
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// The configuration file [default: doorward.json in the state directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON: one document, or one line per record where records come one by one
    #[arg(long, global = true)]
    pub json: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the gateway and serve until it is told to stop
    #[command(after_help = "\
Example:
  doorward run                    on this machine only, port 18789, with a token it makes itself
  doorward run --bind lan         for the local network; never without --auth token or password")]
    Run(RunArgs),
    /// Make a single-use code with which the first device becomes the owner
    #[command(after_help = "\
Example:
  doorward bootstrap                                   scan it, or paste it into a client
  doorward bootstrap --url wss://gateway.example       with the address that clients reach")]
    Bootstrap(SetupArgs),
    /// See and decide who may connect
    #[command(subcommand)]
    Devices(DevicesCommand),
    /// Make credentials for clients that have no device key, and end them
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Replace the shared secret
    #[command(subcommand)]
    Auth(AuthCommand),
    /// Adopt a file of keys that need no approval
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Tell whether someone may do something, why, and who could change it
    #[command(after_help = "\
Example:
  doorward explain --method cron.add                     for yourself, which on the host is everything
  doorward explain --method chat.send --as 3f2a91c4      for a device, by its id, beginning or name
  doorward explain --operation RotateSecret --as grafana for a service token, by its name")]
    Explain(ExplainArgs),
    /// Say something to an agent and print its answer as it comes
    #[command(after_help = "\
Example:
  doorward agent --message \"hello\"                           to the default agent, in its main session
  doorward agent --agent ops --message \"what is wrong?\"      to another agent
  doorward agent --session-key agent:ops:incident-42 -m \"status\" --json")]
    Agent(AgentArgs),
    /// See who answers
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// Read, export, reset and delete what was said
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Read and check the ledger: who granted what, when, and by whose word
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make a new ledger from the published records of one that is damaged
    ///
    /// The damaged store is kept beside the new one, and the new one records what was done. Records
    /// that were never published are lost; a preview says what is known of them. Where records are
    /// known to be lost, every device and service token is held until someone has looked at it.
    #[command(after_help = "\
Example:
  doorward recover --from-tiles          what can be restored, and what is lost
  doorward recover --from-tiles --yes    do it")]
    Recover(RecoverArgs),
    /// Write everything into one file, check such a file, and go on from it
    #[command(subcommand)]
    Backup(BackupCommand),
    /// See what waits for a person's approval, and decide it
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// See who gave too many wrong credentials and is not listened to for a while
    #[command(after_help = "\
Example:
  doorward lockouts               those in force: from where, until when, after which failures
  doorward lockouts clear         lift them all")]
    Lockouts {
        /// What to do about them
        #[command(subcommand)]
        command: Option<LockoutsCommand>,
    },
    /// See what is held because records were lost, and let it in again
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Tell how the gateway is
    #[command(after_help = "\
Example:
  doorward status                                            over the admin socket of this host
  doorward status --url ws://192.168.1.5:18789 --token T     as a client would see it")]
    Status(StatusArgs),
    /// Tell who you are to the gateway, and where it sees you come from
    #[command(after_help = "\
Example:
  doorward whoami                                            over the admin socket of this host
  doorward whoami --url ws://192.168.1.5:18789 --token T     as a client, perhaps through a proxy")]
    Whoami(StatusArgs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at what the configuration needs outside of itself, and offer what it could use
    ///
    /// Asks the model servers of this host for their models: those that the configuration declares,
    /// and Ollama, LM Studio, llama.cpp and vLLM on their usual ports. Tells what to write for one
    /// that no agent uses. Changes nothing, and needs no gateway that runs.
    #[command(after_help = "\
Example:
  doorward doctor              each check with ok, offer or warning, and what to do about it
  doorward doctor --json       the same for programs

Exits 1 if there is a warning; an offer is nothing wrong.")]
    Doctor,
    /// Measure a gateway: this one, or any other that speaks the OpenClaw Gateway protocol
    ///
    /// Without --url it starts a gateway of its own in a temporary state directory, measures it and
    /// removes everything again. With --url it measures the gateway that runs there, for example
    /// OpenClaw's own, by the same code; add --pid to see its CPU time and memory too.
    ///
    /// Pairings leave devices behind: measure a gateway whose state you can throw away.
    #[command(after_help = "\
Example:
  doorward bench                                             a gateway of its own, for a minute
  doorward bench --url ws://127.0.0.1:18789 --token T        any gateway of this protocol")]
    Bench(BenchOptions),
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  doorward completions bash > ~/.local/share/bash-completion/completions/doorward")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// How to run the gateway. What is not given comes from the environment, then from the file.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// The port to listen on; 0 for any free one [default: 18789]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Where to listen: `loopback`, `lan`, or an address [default: loopback]
    #[arg(long, value_name = "loopback|lan|ADDRESS")]
    pub bind: Option<String>,
    /// The proof to ask of clients that are not paired devices [default: token]
    #[arg(long, value_parser = ["token", "password", "none"])]
    pub auth: Option<String>,
    /// The shared token. Others on this machine can see command lines: DOORWARD_TOKEN is better
    #[arg(long, value_parser = secret)]
    pub token: Option<Secret<String>>,
    /// A file that holds the shared password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// What to make a new ledger from.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// From the bundles in `tlog/` of the state directory
    #[arg(long, required = true)]
    pub from_tiles: bool,
    /// A checkpoint that was kept elsewhere: it tells of records that this disk knows nothing of
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Do it; without this, only say what would be done
    #[arg(long)]
    pub yes: bool,
}

/// Whom to ask.
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// Ask the gateway at this address over the network, instead of over the admin socket
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The shared token to show there
    #[arg(long, value_parser = secret, requires = "url")]
    pub token: Option<Secret<String>>,
}

/// What to do about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration as `run` would read it, and say everything that is wrong with it
    #[command(after_help = "\
Example:
  doorward config check --strict && systemctl restart doorward")]
    Check {
        /// Exit 1 on warnings too, such as keys that nobody reads
        #[arg(long)]
        strict: bool,
    },
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}
