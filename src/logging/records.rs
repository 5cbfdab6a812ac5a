//! Records of the `log` crate, which many libraries use. They become events of `tracing`.

use log::{LevelFilter, Log, Metadata, Record};
use tracing::{Level, debug, error, info, trace, warn};

struct Records;

/// Receives records from now on, unless the program has a logger of its own. Returns whether it does.
pub(super) fn take() -> bool {
    let taken = log::set_logger(&Records).is_ok();
    if taken {
        log::set_max_level(LevelFilter::Trace);
    }
    taken
}

/// Records below this level need not even be created.
pub(super) fn limit(level: Level) {
    log::set_max_level(match level {
        Level::ERROR => LevelFilter::Error,
        Level::WARN => LevelFilter::Warn,
        Level::INFO => LevelFilter::Info,
        Level::DEBUG => LevelFilter::Debug,
        Level::TRACE => LevelFilter::Trace,
    });
}

impl Log for Records {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    /// The level of an event is fixed in the source, that of a record is not. So there is an event for each
    /// level.
    fn log(&self, record: &Record<'_>) {
        let target = record.target();
        match record.level() {
            log::Level::Error => error!(target, "{}", record.args()),
            log::Level::Warn => warn!(target, "{}", record.args()),
            log::Level::Info => info!(target, "{}", record.args()),
            log::Level::Debug => debug!(target, "{}", record.args()),
            log::Level::Trace => trace!(target, "{}", record.args()),
        }
    }

    fn flush(&self) {}
}
