//! Requests to the keeper of a running tree.

use super::run::Run;
use super::{
    BoxError, Managed, MultiService, ReloadError, ReloadMode, ReloadReport, ServicePath, TreeError,
};
use std::sync::Arc;
use tokio::sync::oneshot;

pub(super) enum Request {
    Ended(Ended),
    Reload(MultiService, ReloadMode, oneshot::Sender<Result<ReloadReport, ReloadError>>),
    Change(Change, oneshot::Sender<Result<(), TreeError>>),
}

/// The end of a run that nobody has requested.
pub(super) struct Ended {
    pub(super) path: ServicePath,
    pub(super) run: Arc<Run>,
    /// `None`: there was no error.
    pub(super) cause: Option<BoxError>,
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
