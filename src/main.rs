//! The `doorward` binary.

#![forbid(unsafe_code)]

fn main() {}
