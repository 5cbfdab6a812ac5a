//! Requests to the keeper of a running tree.

use super::run::Ended;
use super::{Managed, ReloadError, ReloadMode, ReloadReport, ServicePath, TreeError};
use tokio::sync::oneshot;

pub(super) enum Request {
    Ended(Ended),
    /// Changes the tree into this group.
    Reload(Managed, ReloadMode, oneshot::Sender<Result<ReloadReport, ReloadError>>),
    /// Whoever waits for the answer wants to know that requests are taken.
    Ping(oneshot::Sender<()>),
    Change(Change, oneshot::Sender<Result<(), TreeError>>),
}

/// A change to the running tree.
pub(super) enum Change {
    Add { group: ServicePath, name: String, service: Managed },
    Remove { path: ServicePath, if_found: IfFound },
    Replace { path: ServicePath, service: Managed },
    Restart { path: ServicePath },
    Stop { path: ServicePath, if_found: IfFound },
    Start { path: ServicePath },
}

/// What to do with a service that others have found and still use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IfFound {
    /// Leave it running, and return an error.
    #[default]
    Refuse,
    /// Stop it nevertheless.
    StopAnyway,
}
