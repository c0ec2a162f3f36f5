//! Texts as vectors: what is asked of an embedding model, and what it gives.

use super::{Model, Usage};

/// Texts that are to become vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// A model other than the agent's own, as `provider/name` or `name`.
    pub model: Option<String>,
    /// The texts, in order.
    pub input: Vec<String>,
    /// How many numbers a vector is to have; the model's own number if nobody says.
    pub dimensions: Option<u64>,
}

/// Vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Whose they are.
    pub model: Model,
    /// One for each text, in the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// What it has used.
    pub usage: Usage,
}
