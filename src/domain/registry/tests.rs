//! Rows for every operation of the registry.
