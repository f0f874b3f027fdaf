//! Mechanism of the operating system behind plain types. Knows nothing of make.

pub mod jobserver;
