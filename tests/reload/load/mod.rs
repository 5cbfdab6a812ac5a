//! Reloads under load, as many as the caller says: a tenth of them in the tests, all in the benchmark `reloads`.

pub mod clients;
pub mod daemon;
pub mod drains;
pub mod quotes;
pub mod signals;
pub mod texts;
pub mod variety;
