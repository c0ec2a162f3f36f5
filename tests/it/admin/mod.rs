//! The admin API and the command line, over real sockets to a gateway in this process.

mod client;
mod command_line;
mod credentials;
mod devices;
mod every_call;
mod explain;
pub mod gateway;
mod history;
mod ledger_stream;
mod pages;
mod proofs;
mod racing;
mod resolve;
mod sessions;
mod sizes;
mod stock_tools;
mod streams;
mod tls;
mod tokens;
