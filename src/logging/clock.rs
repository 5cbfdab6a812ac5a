//! The time of a log line, formatted once per second.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use std::cell::RefCell;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A larger file is not a time zone: the largest of the zone database has 4 KiB.
const LARGEST_ZONE: u64 = 1 << 20;

/// Local time, with a zone that is loaded once: later changes of `/etc/localtime`, or the file inside a chroot,
/// have no effect.
#[derive(Clone)]
pub(super) struct Clock {
    zone: TimeZone,
}

/// The zone of this machine, or the one that $TZ names, as in tzset(3). jiff itself would search the whole zone
/// database for the zone's name, which takes a fifth of the time of a start; and it would read any file that $TZ
/// names to its end, if it has one.
fn local_zone() -> TimeZone {
    let Some(name) = env::var_os("TZ") else {
        return read_zone(Path::new("/etc/localtime")).unwrap_or_else(|_| TimeZone::system());
    };
    let name = name.as_bytes();
    let name = Path::new(OsStr::from_bytes(name.strip_prefix(b":").unwrap_or(name)));
    if name.is_absolute() { read_zone(name).unwrap_or(TimeZone::UTC) } else { TimeZone::system() }
}

fn read_zone(file: &Path) -> io::Result<TimeZone> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut zone = Vec::new();
    file.take(LARGEST_ZONE).read_to_end(&mut zone)?;
    TimeZone::tzif("localtime", &zone).map_err(io::Error::other)
}

/// The period of a log file that is rotated by the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month.
    Month,
}

impl Period {
    /// All periods, by their names.
    pub const NAMES: &[(&str, Period)] =
        &[("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];
}

thread_local! {
    /// The last second that was formatted on this thread, for each format.
    static RENDERED: RefCell<[(u64, String); 3]> = const { RefCell::new([const { (0, String::new()) }; 3]) };
}

/// How a time is written.
#[derive(Clone, Copy)]
pub(super) enum TimeFormat {
    /// `2026-11-22 10:44:11+0000`
    Log,
    /// `Nov 22 10:44:11`, as in syslog (RFC 3164, section 4.1.2)
    Syslog,
    /// `2026-11-22T10:44:11.123456+00:00` (RFC 3339)
    Exact,
}

/// The length of what comes before the fraction of a second.
const WHOLE_SECONDS: usize = "2026-11-22T10:44:11".len();

impl Clock {
    #[cfg(test)]
    pub(super) fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    pub(super) fn system() -> Self {
        Self { zone: local_zone() }
    }

    /// Appends a time to `line`.
    pub(super) fn append(&self, time: SystemTime, format: TimeFormat, line: &mut String) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        RENDERED.with_borrow_mut(|cache| {
            let (rendered, text) = &mut cache[format as usize];
            if *rendered != since.as_secs() || text.is_empty() {
                *rendered = since.as_secs();
                *text = self.render(since.as_secs(), format);
            }
            match (format, text.split_at_checked(WHOLE_SECONDS)) {
                (TimeFormat::Exact, Some((seconds, offset))) => {
                    let _ = write!(line, "{seconds}.{:06}{offset}", since.subsec_micros());
                }
                _ => line.push_str(text),
            }
        });
    }

    /// When the period that contains a time ends, in local time. `None`: beyond the last date of the calendar.
    pub(super) fn end_of(&self, period: Period, time: SystemTime) -> Option<SystemTime> {
        let time = Timestamp::try_from(time).ok()?.to_zoned_datetime(self.zone.clone());
        let is_first = |day: &ZonedDateTime| match period {
            Period::Day => true,
            Period::Week => day.weekday() == Weekday::Monday,
            Period::Month => day.day() == 1,
        };
        let mut day = time.tomorrow().ok()?;
        while !is_first(&day) {
            day = day.tomorrow().ok()?;
        }
        let end = day.start_of_day().ok()?.timestamp().as_second();
        UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(end).ok()?))
    }

    fn render(&self, seconds: u64, format: TimeFormat) -> String {
        let seconds = i64::try_from(seconds).unwrap_or(0);
        let timestamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let pattern = match format {
            TimeFormat::Log => "%Y-%m-%d %H:%M:%S%z",
            TimeFormat::Syslog => "%b %e %H:%M:%S",
            TimeFormat::Exact => "%Y-%m-%dT%H:%M:%S%:z",
        };
        timestamp.to_zoned_datetime(self.zone.clone()).strftime(pattern).to_string()
    }
}
