//! Panics, of any thread, in the log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use tracing::error;

/// Logs a panic: in the name of the service in whose span it happened. If `RUST_BACKTRACE` asks for it, the
/// backtrace follows, each of its lines in a line of its own.
pub(super) fn log(panic: &PanicHookInfo<'_>) {
    error!("{}", panic.to_string().replace('\n', " "));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        for line in backtrace.to_string().lines() {
            error!("backtrace: {}", line.trim_end());
        }
    }
}
