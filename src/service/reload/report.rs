//! What a reload has changed, and why it has changed nothing.

use crate::service::error::join;
use crate::service::{AddError, ServiceError, ServicePath};
use std::collections::HashSet;

/// What a reload has changed in a tree, or would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadReport {
    /// How many services were kept, including those that do something differently; groups don't count.
    pub kept: usize,
    /// The services that were kept, but do something differently: what, in a few words.
    pub updated: Vec<(ServicePath, String)>,
    /// The services in whose place there are new ones.
    pub replaced: Vec<ServicePath>,
    /// The services that are new.
    pub added: Vec<ServicePath>,
    /// The services that are not there any more.
    pub removed: Vec<ServicePath>,
    /// The services that were added by [`Tree::add`](crate::service::Tree::add) and were restarted, since they had
    /// found one that was replaced or removed.
    pub restarted: Vec<ServicePath>,
}

impl ReloadReport {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        let Self { kept: _, updated, replaced, added, removed, restarted } = self;
        let changed = [replaced, added, removed, restarted];
        updated.is_empty() && changed.iter().all(|paths| paths.is_empty())
    }
}

/// Why a tree was not reloaded. It is as it was before, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The application has not started yet, or is being stopped.
    #[error("the application is not running; try again when it has started")]
    NotRunning,
    /// The new application, or a group in it, is running already.
    #[error(
        "the new application, or a group in it, is running already; make new ones for each reload"
    )]
    Started,
    /// The application was told to stop during the reload.
    #[error("told to stop during the reload")]
    Stopped,
    /// Another change to the tree had not ended within the stop-timeout, or a group was restarted during the reload, or
    /// a service that stays has found one that goes.
    #[error(
        "another change to the tree is still in progress, such as the restart of a service; try again"
    )]
    Busy,
    /// A service failed to start, or to prepare what it has to change.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A service can't be added to the tree.
    #[error(transparent)]
    Add(#[from] AddError),
    /// The reload failed, and services that had to be stopped for it could not be started again. Their
    /// [`Restart`](crate::service::Restart) policies decide whether there will be further attempts.
    #[error(
        "{cause}; except that what had been stopped for the reload could not be started again: {}",
        join(stopped)
    )]
    NotUndone {
        /// Why the reload failed.
        cause: Box<ReloadError>,
        /// The services that are not running.
        stopped: Vec<ServicePath>,
    },
}

impl ReloadError {
    /// This error, if these could not be started again after it.
    pub(super) fn not_undone(self, stopped: Vec<ServicePath>) -> Self {
        match stopped.is_empty() {
            true => self,
            false => Self::NotUndone { cause: Box::new(self), stopped },
        }
    }
}

impl ReloadReport {
    /// A service that was kept does something differently.
    pub(super) fn update(&mut self, path: ServicePath, text: &str) {
        match self.updated.last_mut() {
            Some((last, texts)) if *last == path => *texts = format!("{texts}, {text}"),
            _ => self.updated.push((path, text.into())),
        }
    }

    /// What has been removed and added at the same path has been replaced.
    pub(super) fn join_replaced(&mut self) {
        let added: HashSet<&ServicePath> = self.added.iter().collect();
        let is_replaced = |path: &ServicePath| added.contains(path);
        let (replaced, removed) = self.removed.drain(..).partition(is_replaced);
        (self.replaced, self.removed) = (replaced, removed);
        let replaced: HashSet<&ServicePath> = self.replaced.iter().collect();
        self.added.retain(|path| !replaced.contains(path));
    }
}
