//! The admin API and the command line, over a real socket, a real service and a real ledger.

mod command_line;
mod gateway;
mod ledger_stream;
