//! The command line: what a person types on the host.
//!
//! Every command parses its words, asks the gateway over the admin socket, and renders the answer:
//! a table for people, JSON for programs. Nothing is decided here. Only `output.rs` prints, and
//! only `main` ends the process; a command returns its [`ExitStatusCode`].
//!
//! Start with [`args`] (what can be typed) and [`main_with`]; each command has a file of its own.
//! [`client`] talks to a gateway as any client of the protocol would, and [`mod@bench`] measures one
//! through that same door.

mod access;
mod admin;
mod agent;
mod announce;
mod approvals;
pub mod args;
mod audit;
mod backup;
pub mod bench;
pub mod client;
mod config;
mod devices;
mod doctor;
mod exit;
mod explain;
mod export;
#[cfg(test)]
mod fake_gateway;
mod history;
mod json;
mod keys;
mod lockouts;
mod network;
mod output;
mod party;
mod proofs;
mod recover;
mod restore;
mod review;
#[cfg(test)]
mod samples;
mod secret;
mod sessions;
mod setup;
mod sinks;
mod status;
mod table;
mod tokens;
mod whoami;
mod words;

use std::{cell::RefCell, ffi::OsString, io, path::PathBuf};

use clap::{CommandFactory, Parser};
use futures_util::future::BoxFuture;
use tokio::net::UnixStream;

pub use announce::{Ready, announce};
pub use doctor::{Check, Status};
pub use exit::{Advice, ExitStatusCode, Trouble};
pub use output::Output;

use crate::{
    config::{Env, Loaded, Overrides},
    domain::registry::Policy,
    proto::v1::LedgerRecord,
    service::{self, Entry, Offline, OpenError},
};
use admin::{Admin, NoConnection};
use args::{
    AccessWord, AgentsCommand, AuditCommand, AuthCommand, BackupCommand, Cli, Command,
    ConfigCommand, DevicesCommand, Globals, KeysCommand, LockoutsCommand, ReviewCommand, RunArgs,
    StatusArgs, TokensCommand,
};
use bench::BenchOptions;
use words::quoted;

/// What commands need from rooms that they may not name; `main` hands it in.
pub struct Rooms {
    /// Runs the gateway until it is told to stop.
    pub run: fn(&Env, &Overrides, &mut Output) -> Result<(), Trouble>,
    /// The policy that a configuration asks for.
    pub policy: fn(&Env, &Overrides) -> Result<Policy, Trouble>,
    /// Looks at what a configuration needs outside of itself. Called inside a tokio runtime.
    pub examine: fn(&Loaded) -> BoxFuture<'_, Vec<Check>>,
    /// Answers admin calls about the ledger of a gateway that is not running. Called inside a tokio
    /// runtime.
    pub answer_offline: fn(Offline) -> io::Result<UnixStream>,
    /// A record as the contract tells it.
    pub record: fn(&Entry) -> LedgerRecord,
}

/// Parses `args` (the program's name first), runs the command and says how it ended.
pub fn main_with(
    args: impl IntoIterator<Item = OsString>,
    env: &Env,
    rooms: &Rooms,
) -> ExitStatusCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => {
            let mut out = Output::of_process(cli.globals.json, env.no_color());
            execute(cli, env, rooms, &mut out)
        }
        Err(error) => output::usage(&error),
    }
}

/// Runs a parsed command, printing to `out`.
pub fn execute(cli: Cli, env: &Env, rooms: &Rooms, out: &mut Output) -> ExitStatusCode {
    let Cli { globals, command } = cli;
    let mut session = Session { globals: &globals, env, rooms, out };
    let ended = dispatch(&mut session, command);
    let ended = ended.and_then(|code| session.out.flush().map(|()| code));
    ended.unwrap_or_else(|trouble| {
        // What was printed before the trouble belongs before it.
        let _ = session.out.flush();
        session.out.trouble(&trouble);
        trouble.exit
    })
}

fn dispatch(session: &mut Session<'_>, command: Command) -> Result<ExitStatusCode, Trouble> {
    match command {
        Command::Run(args) => run(session, args),
        Command::Config(ConfigCommand::Check { strict }) => config::check(session, strict),
        Command::Completions { shell } => completions(session, shell),
        Command::Recover(args) => recover::recover(session, &args),
        _ => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let failed = |error| {
                let what = format!("no runtime: {error}");
                Trouble::new(ExitStatusCode::INTERNAL, what)
            };
            runtime.map_err(failed)?.block_on(ask(session, command))
        }
    }
}

/// The commands that talk to a gateway.
async fn ask(session: &mut Session<'_>, command: Command) -> Result<ExitStatusCode, Trouble> {
    match command {
        Command::Bootstrap(args) => setup::create(session, AccessWord::Full, args).await,
        Command::Devices(command) => about_devices(session, command).await,
        Command::Tokens(command) => about_tokens(session, command).await,
        Command::Auth(AuthCommand::Rotate { from_file }) => {
            secret::rotate(session, from_file.as_deref()).await
        }
        Command::Keys(KeysCommand::Apply { file, dry_run }) => {
            keys::apply(session, &file, dry_run).await
        }
        Command::Explain(args) => explain::explain(session, args).await,
        Command::Approvals(command) => approvals::run(session, command).await,
        Command::Lockouts { command: None } => lockouts::list(session).await,
        Command::Lockouts { command: Some(LockoutsCommand::Clear { address, class }) } => {
            lockouts::clear(session, address, class).await
        }
        Command::Agent(args) => agent::say(session, args).await,
        Command::Agents(AgentsCommand::List) => agent::list(session).await,
        Command::Sessions(command) => Box::pin(sessions::about(session, command)).await,
        Command::Review(ReviewCommand::List) => review::list(session).await,
        Command::Review(ReviewCommand::Release { whom, all: _ }) => {
            review::release(session, whom.as_deref()).await
        }
        Command::Audit(AuditCommand::Log(args)) => audit::log(session, args).await,
        Command::Audit(AuditCommand::AsOf { at }) => audit::as_of(session, at).await,
        Command::Audit(AuditCommand::Watch { from, filter }) => {
            audit::watch(session, from, filter).await
        }
        Command::Audit(AuditCommand::Export(args)) => export::export(session, args).await,
        Command::Audit(AuditCommand::Sinks) => sinks::list(session).await,
        Command::Audit(AuditCommand::Why { whom, scope, at }) => {
            history::why(session, &whom, scope, at).await
        }
        Command::Audit(AuditCommand::WhoCan { scope, at }) => {
            history::who_can(session, scope, at).await
        }
        Command::Audit(AuditCommand::Access { kind, since, limit }) => {
            access::list(session, kind, since, limit).await
        }
        Command::Audit(AuditCommand::Replay { policy }) => history::replay(session, policy).await,
        Command::Audit(AuditCommand::Diff { from, to }) => history::diff(session, from, to).await,
        Command::Audit(AuditCommand::Verify { since }) => {
            proofs::verify(session, since.as_deref()).await
        }
        Command::Audit(AuditCommand::Prove { seq, out }) => {
            proofs::prove(session, seq, out.as_deref()).await
        }
        Command::Audit(AuditCommand::Check { file, key }) => proofs::check(session, &file, &key),
        Command::Backup(BackupCommand::Create { to }) => backup::create(session, to).await,
        Command::Backup(BackupCommand::Verify { file, key }) => {
            backup::verify(session, &file, key.as_deref())
        }
        Command::Backup(BackupCommand::Restore(args)) => restore::restore(session, args),
        Command::Status(StatusArgs { url: Some(url), token }) => {
            network::status(session, &url, token).await
        }
        Command::Status(_) => status::over_admin_socket(session).await,
        Command::Whoami(args) => whoami::whoami(session, args).await,
        Command::Doctor => doctor::examine(session).await,
        Command::Bench(options) => measure(session, options).await,
        Command::Run(_)
        | Command::Config(_)
        | Command::Completions { .. }
        | Command::Recover(_) => {
            Err(Trouble::new(ExitStatusCode::INTERNAL, "this command talks to no gateway"))
        }
    }
}

async fn about_devices(
    session: &mut Session<'_>,
    command: DevicesCommand,
) -> Result<ExitStatusCode, Trouble> {
    use DevicesCommand as C;
    use devices::manage;
    match command {
        C::List { stale } => devices::list(session, stale).await,
        C::Approve { request, scopes, until, role, ephemeral } => {
            let terms = devices::Terms { scopes, until, role, ephemeral };
            devices::approve(session, request.as_deref(), terms).await
        }
        C::SetupCode { access, args } => setup::create(session, access, args).await,
        C::Reject { request } => devices::reject(session, &request).await,
        C::Remove { device, force } => manage::remove(session, &device, force).await,
        C::Rename { device, label } => manage::rename(session, &device, label).await,
        C::Rotate { whose, scope } => manage::rotate(session, whose, scope).await,
        C::Revoke { whose, force } => manage::revoke(session, whose, force).await,
        C::Clear { yes: _, pending, force } => manage::clear(session, pending, force).await,
        C::Role { whose, ceiling, none: _ } => manage::ceiling(session, whose, ceiling).await,
    }
}

async fn about_tokens(
    session: &mut Session<'_>,
    command: TokensCommand,
) -> Result<ExitStatusCode, Trouble> {
    use TokensCommand as C;
    match command {
        C::List => tokens::list(session).await,
        C::Create { name, scope, ttl, from } => {
            tokens::create(session, name, scope, ttl, from).await
        }
        C::Rotate { token } => tokens::rotate(session, &token).await,
        C::Revoke { token, force } => tokens::revoke(session, &token, force).await,
        C::Role { token, ceiling, none: _ } => tokens::ceiling(session, &token, ceiling).await,
    }
}

async fn measure(
    session: &mut Session<'_>,
    options: BenchOptions,
) -> Result<ExitStatusCode, Trouble> {
    let out = RefCell::new(&mut *session.out);
    let report = bench::run(options, &|line| out.borrow_mut().note(line)).await;
    let report = report.map_err(|error| {
        Trouble::new(ExitStatusCode::UNREACHABLE, words::line(&format!("{error:#}")))
    })?;
    let text = bench::render(&report, session.out.is_json());
    session.out.raw(&(text + "\n"))?;
    Ok(ExitStatusCode::OK)
}

fn run(session: &mut Session<'_>, args: RunArgs) -> Result<ExitStatusCode, Trouble> {
    let RunArgs { port, bind, auth, token, password_file } = args;
    let shared = session.globals.overrides();
    let overrides = Overrides { port, bind, auth, token, password_file, ..shared };
    (session.rooms.run)(session.env, &overrides, session.out).map(|()| ExitStatusCode::OK)
}

fn completions(
    session: &mut Session<'_>,
    shell: clap_complete::Shell,
) -> Result<ExitStatusCode, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "doorward", &mut script);
    session.out.raw(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatusCode::OK)
}

impl Globals {
    /// What the configuration needs to know of them.
    fn overrides(&self) -> Overrides {
        let Self { state_dir, config, json: _ } = self.clone();
        Overrides { state_dir, config, ..Overrides::default() }
    }
}

/// One run of one command.
struct Session<'a> {
    globals: &'a Globals,
    env: &'a Env,
    rooms: &'a Rooms,
    out: &'a mut Output,
}

impl Session<'_> {
    /// Where the gateway keeps its state. The configuration file is not read for it, so that a
    /// broken one does not lock its operator out.
    fn state_dir(&self) -> Result<PathBuf, Trouble> {
        crate::config::state_dir(self.env, &self.globals.overrides())
            .map_err(|error| Trouble::new(ExitStatusCode::USAGE, error.to_string()))
    }

    /// A command to copy: with the state directory, if one was named.
    fn command(&self, rest: &str) -> String {
        match &self.globals.state_dir {
            Some(dir) => format!("doorward --state-dir {} {rest}", quoted(&dir.to_string_lossy())),
            None => format!("doorward {rest}"),
        }
    }

    /// The running gateway.
    async fn admin(&self) -> Result<Admin, Trouble> {
        let state_dir = self.state_dir()?;
        match admin::connect(&state_dir).await {
            Ok(stream) => Admin::over(stream).await,
            Err(no) => Err(self.unreachable(&state_dir, no)),
        }
    }

    /// The ledger: through the running gateway, or else from its files.
    async fn ledger(&mut self) -> Result<Admin, Trouble> {
        let state_dir = self.state_dir()?;
        let stream = match admin::connect(&state_dir).await {
            Ok(stream) => stream,
            Err(NoConnection::NotRunning) => {
                let opened = service::offline(&state_dir).map_err(|error| unopened(&error))?;
                let shown = state_dir.display();
                self.out.note(&format!("no gateway is running; reading the ledger in {shown}"));
                (self.rooms.answer_offline)(opened).map_err(|error| {
                    Trouble::new(ExitStatusCode::INTERNAL, format!("no socket pair: {error}"))
                })?
            }
            Err(no) => return Err(self.unreachable(&state_dir, no)),
        };
        Admin::over(stream).await
    }

    fn unreachable(&self, state_dir: &std::path::Path, no: NoConnection) -> Trouble {
        let shown = state_dir.display();
        match no {
            NoConnection::NotRunning => {
                let what = format!("no gateway is running on {shown}");
                let run = format!("{}  (to start it)", self.command("run"));
                Trouble::new(ExitStatusCode::UNREACHABLE, what).run(run)
            }
            NoConnection::Failed(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let what = format!("the admin socket in {shown} belongs to another user");
                let mut trouble = Trouble::new(ExitStatusCode::REFUSED, what);
                trouble.advice.missing = Some("the identity of the gateway's user, or root".into());
                trouble.advice.grantors = Some("the gateway host".into());
                trouble.run("sudo doorward --state-dir ... (as that user)")
            }
            NoConnection::Failed(error) => {
                let what = format!("the admin socket in {shown} cannot be reached: {error}");
                Trouble::new(ExitStatusCode::UNREACHABLE, what)
            }
        }
    }
}

/// A ledger that cannot be opened: in use, absent, or broken.
fn unopened(error: &OpenError) -> Trouble {
    let exit = match error {
        OpenError::Busy { .. } | OpenError::Io { .. } => ExitStatusCode::UNREACHABLE,
        OpenError::Corrupt { .. }
        | OpenError::Ahead { .. }
        | OpenError::Forked { .. }
        | OpenError::BadCheckpoint { .. }
        | OpenError::KeyMismatch { .. }
        | OpenError::FalseSnapshot { .. }
        | OpenError::Unreadable { .. } => ExitStatusCode::BROKEN,
    };
    Trouble::new(exit, error.to_string())
}
