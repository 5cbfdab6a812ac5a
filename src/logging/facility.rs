//! The facilities of syslog(3) that a daemon may use.

/// The facility of a line in syslog, by which syslogd can sort lines. The numbers are those of syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Facility {
    User = 1,
    Daemon = 3,
    Local0 = 16,
    Local1 = 17,
    Local2 = 18,
    Local3 = 19,
    Local4 = 20,
    Local5 = 21,
    Local6 = 22,
    Local7 = 23,
}

impl Facility {
    /// All facilities, by their names in syslog.
    pub const NAMES: [(&str, Facility); 10] = [
        ("daemon", Facility::Daemon),
        ("user", Facility::User),
        ("local0", Facility::Local0),
        ("local1", Facility::Local1),
        ("local2", Facility::Local2),
        ("local3", Facility::Local3),
        ("local4", Facility::Local4),
        ("local5", Facility::Local5),
        ("local6", Facility::Local6),
        ("local7", Facility::Local7),
    ];
}
