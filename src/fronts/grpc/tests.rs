//! The admin API over a real socket, against a real service.
