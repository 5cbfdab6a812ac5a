//! Changes a running tree into another one.

mod report;

pub use report::{ReloadError, ReloadReport};
