//! What is published, by what may happen while it is.

mod names;
mod proofs;
mod publishing;
mod surveys;
