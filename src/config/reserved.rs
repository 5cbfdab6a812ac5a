//! The keys that every service has. No kind may use them for anything else.

use super::restart::read_restart;
use super::section::Section;
use crate::service::Restart;
use crate::value::read;

/// Their values.
pub(super) struct Reserved {
    /// `None`: it is missing, or it is wrong, which has been recorded.
    pub(super) kind: Option<String>,
    pub(super) restart: Restart,
}

/// Reads them.
pub(super) fn read(section: &mut Section<'_>) -> Reserved {
    let kind = section.about("The kind of service").required("kind", read::word);
    Reserved { kind, restart: read_restart(section) }
}
