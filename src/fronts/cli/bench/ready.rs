//! `ready` and `ready-records`: from the start of the process to the first 200 of `GET /readyz`.

use std::path::PathBuf;

use super::{
    own_gateway::{OwnGateway, Program, Seed},
    report::{Figures, Latency},
};

/// Starts on an empty directory, each on a new one.
const EMPTY_STARTS: usize = 10;

/// Starts on records, each again on the same copy.
const STARTS_ON_RECORDS: usize = 5;

/// `ready`: a new state directory each time. Blocks.
///
/// # Errors
/// If the gateway does not start.
pub fn on_nothing(program: &Program) -> anyhow::Result<Figures> {
    let mut nanos = Vec::with_capacity(EMPTY_STARTS);
    for _ in 0..EMPTY_STARTS {
        let mut gateway = OwnGateway::start(program, &Seed::Empty)?;
        nanos.push(gateway.wait_ready()?.as_nanos() as u64);
    }
    Ok(figures(nanos))
}

/// `ready-records`: a copy of `records`, started and stopped in order again and again. Blocks.
///
/// # Errors
/// If the directory cannot be copied or the gateway does not start on it.
pub fn on_records(program: &Program, records: PathBuf) -> anyhow::Result<Figures> {
    let mut nanos = Vec::with_capacity(STARTS_ON_RECORDS);
    let mut gateway = OwnGateway::start(program, &Seed::CopyOf(records))?;
    loop {
        nanos.push(gateway.wait_ready()?.as_nanos() as u64);
        if nanos.len() == STARTS_ON_RECORDS {
            return Ok(figures(nanos));
        }
        gateway = gateway.restart(program)?;
    }
}

fn figures(mut nanos: Vec<u64>) -> Figures {
    let latency = Latency::of(&mut nanos);
    let note = format!("fastest start: {:.1} ms", latency.min_ms);
    Figures {
        operations: nanos.len() as u64,
        latency: Some(latency),
        notes: vec![note],
        ..Figures::default()
    }
}
