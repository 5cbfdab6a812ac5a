//! The time of a log line, rendered once per second.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

/// Local time, with a zone that was loaded once: what `/etc/localtime` says later, or in a chroot, does
/// not matter.
#[derive(Clone)]
pub(super) struct Clock {
    zone: TimeZone,
}

/// The zone of this machine, as tzset(3) finds it where $TZ is not set. jiff would look at the whole zone
/// database to find out its name as well, which is a fifth of the time of a start.
fn local_zone() -> Option<TimeZone> {
    if env::var_os("TZ").is_some() {
        return None;
    }
    TimeZone::tzif("localtime", &fs::read("/etc/localtime").ok()?).ok()
}

thread_local! {
    /// The second rendered last on this thread, per format.
    static RENDERED: RefCell<[(u64, String); 2]> = const { RefCell::new([(0, String::new()), (0, String::new())]) };
}

/// How a time is written.
#[derive(Clone, Copy)]
pub(super) enum TimeFormat {
    /// `2026-11-22 10:44:11+0000`
    Log,
    /// `Nov 22 10:44:11`, as syslog has it (RFC 3164, section 4.1.2)
    Syslog,
}

impl Clock {
    pub(super) fn system() -> Self {
        Self { zone: local_zone().unwrap_or_else(TimeZone::system) }
    }

    /// Appends the current time to `line`.
    pub(super) fn append_now(&self, format: TimeFormat, line: &mut String) {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        RENDERED.with_borrow_mut(|cache| {
            let (rendered, text) = &mut cache[format as usize];
            if *rendered != seconds || text.is_empty() {
                *rendered = seconds;
                *text = self.render(seconds, format);
            }
            line.push_str(text);
        });
    }

    fn render(&self, seconds: u64, format: TimeFormat) -> String {
        let seconds = i64::try_from(seconds).unwrap_or(0);
        let timestamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let pattern = match format {
            TimeFormat::Log => "%Y-%m-%d %H:%M:%S%z",
            TimeFormat::Syslog => "%b %e %H:%M:%S",
        };
        timestamp.to_zoned_datetime(self.zone.clone()).strftime(pattern).to_string()
    }
}
