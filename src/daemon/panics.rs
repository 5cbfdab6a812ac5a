//! Logs panics of all threads.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use tracing::error;

/// Logs a panic, under the name of the service in whose span it happened. If `RUST_BACKTRACE` is set, the
/// backtrace follows, one log line for each of its lines.
pub(super) fn log(panic: &PanicHookInfo<'_>) {
    error!("{}", panic.to_string().replace('\n', " "));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        for line in backtrace.to_string().lines() {
            error!("backtrace: {}", line.trim_end());
        }
    }
}
