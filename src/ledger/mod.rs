//! The only durable truth: records in a hash chain, signed checkpoints, and what can be asked of them.
//!
//! State is a fold of these records and nothing else. This room knows what a record says, not what
//! it means: meaning is the domain's.
//!
//! `actors` and everything above may not be named here. `sled` is named in `sled.rs` alone, and
//! `bincode` in `codec.rs` and `schema/`. Start with [`record`], then `store.rs` (the port) and
//! `writer.rs` (the one thread that writes).

pub mod record;
