//! The `doorward` binary: joins the command line to the rooms that it may not name.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use doorward::{
    boot,
    config::{self, Env, Overrides},
    domain::registry::Policy,
    fronts::{
        cli::{self, ExitStatusCode, Output, Rooms, Trouble},
        grpc,
    },
    service::OpenError,
    telemetry,
};

fn main() -> ExitCode {
    let env = Env::capture();
    let rooms = Rooms {
        run,
        policy,
        examine: boot::examine,
        answer_offline: grpc::answer_offline,
        record: grpc::record,
    };
    let ExitStatusCode(code) = cli::main_with(std::env::args_os(), &env, &rooms);
    ExitCode::from(code)
}

/// `doorward run`: loads the configuration, says what is odd about it, and runs until told to stop.
fn run(env: &Env, overrides: &Overrides, out: &mut Output) -> Result<(), Trouble> {
    let loaded = config::load(env, overrides)
        .map_err(|errors| Trouble::new(ExitStatusCode::USAGE, errors.to_string().trim_end()))?;
    telemetry::init(loaded.settings.log_level.as_deref(), env.no_color());
    loaded.warnings.iter().for_each(|warning| out.note(&warning.to_string()));
    let mut told = Ok(());
    boot::run(loaded, |ready| told = cli::announce(out, ready)).map_err(|error| trouble(&error))?;
    told
}

/// The policy that a configuration asks for, without running anything.
fn policy(env: &Env, overrides: &Overrides) -> Result<Policy, Trouble> {
    let loaded = config::load(env, overrides)
        .map_err(|errors| Trouble::new(ExitStatusCode::USAGE, errors.to_string().trim_end()))?;
    boot::policy(&loaded.settings).map_err(|error| trouble(&error))
}

fn trouble(error: &anyhow::Error) -> Trouble {
    let broken = error.chain().find_map(|cause| cause.downcast_ref::<OpenError>());
    let code = match broken {
        Some(OpenError::Busy { .. } | OpenError::Io { .. }) | None => ExitStatusCode::NOT_DONE,
        Some(_) => ExitStatusCode::BROKEN,
    };
    Trouble::new(code, format!("{error:#}"))
}
