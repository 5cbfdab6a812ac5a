//! The keys that every service has, which no kind may use for anything else.

use super::restart::read_restart;
use super::section::Section;
use crate::service::Restart;
use crate::value::read;

/// What they say.
pub(super) struct Reserved {
    /// `None`: it is not there, or it is wrong, which has been noted.
    pub(super) kind: Option<String>,
    pub(super) restart: Restart,
}

/// Reads them.
pub(super) fn read(section: &mut Section<'_>) -> Reserved {
    let kind = section.about("What kind of service it is").required("kind", read::word);
    Reserved { kind, restart: read_restart(section) }
}
