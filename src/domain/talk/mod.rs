//! Talk: agents, sessions and messages, as the rules and the rooms above speak of them.
//!
//! Only values live here, with the rules of their names: which agent a `model` means, which session
//! keys a client may choose, what a message is made of, how a run can fail. There is no decider:
//! a transcript is not authority, so it is not in the ledger. Who may talk at all is settled by
//! [`operation`](super::operation) like everything else.
//!
//! Start with [`names`], then [`message`]; [`failure`] is the closed vocabulary of "it went wrong".

pub mod failure;
pub mod message;
pub mod names;
pub mod spent;
pub mod vectors;

pub use failure::Failure;
pub use message::{Author, Delta, Message, Model, Part, Sampling, Stop, Tool, ToolChoice, Usage};
pub use names::{AgentId, NotATarget, RunId, SessionId, SessionKey, SessionKeyFault, Target};
pub use vectors::{Texts, Vectors};
