//! Changes a running tree into another one.
//!
//! A reload first makes a plan (`plan.rs`), which compares the trees by the names of their services
//! (`comparison.rs`). Then comes everything that can fail (`preparation.rs`), while the running tree is as it was:
//! services that stay prepare their changes, and new ones start, but accept nothing. Services that must not run at the
//! same time as those that they replace are started last, after those have stopped (`sequence.rs`). If anything fails,
//! all that is undone. If nothing does, the change is made at one moment (`commit.rs`). Services that have been replaced
//! or removed finish what is in progress afterwards (`drains.rs`).

mod commit;
mod comparison;
mod plan;
mod preparation;
mod report;
mod sequence;

pub use report::{ReloadError, ReloadReport};

use super::node::Node;
use super::{Managed, MultiService, ReloadMode, Resources, Tree};
use plan::Plan;
use preparation::Preparation;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Services that should be running, but failed to start again, and why.
pub(super) type Failed = Vec<(Arc<Node>, String)>;

/// Changes `services`, which are running, into `new`.
pub(super) async fn reload(
    services: &MultiService,
    new: Managed,
    mode: ReloadMode,
    tree: &Tree,
    resources: &Resources,
) -> (Result<ReloadReport, ReloadError>, Failed) {
    if !services.running() {
        return (Err(ReloadError::NotRunning), Vec::new());
    }
    let new = new.service.children().cloned().unwrap_or_default();
    if is_started(&new) {
        return (Err(ReloadError::Started), Vec::new());
    }
    let plan = match Plan::make(services, &new, tree.root()) {
        Ok(plan) => plan,
        Err(error) => return (Err(error.into()), Vec::new()),
    };
    let stopping = tree.stopping();
    if mode == ReloadMode::DryRun {
        let checked = stopping.run_until_cancelled(preparation::check(plan)).await;
        return (checked.unwrap_or(Err(ReloadError::Stopped)), Vec::new());
    }
    let mut preparation = Preparation::new(plan, services, tree, resources);
    let outcome = change(&mut preparation, stopping).await;
    (outcome, preparation.failed)
}

/// Prepares and commits, or else undoes it.
async fn change(
    preparation: &mut Preparation<'_>,
    stopping: CancellationToken,
) -> Result<ReloadReport, ReloadError> {
    let outcome = match stopping.run_until_cancelled(preparation.prepare()).await {
        Some(Ok(())) => preparation.commit().await,
        Some(Err(error)) => Err(error),
        None => Err(ReloadError::Stopped),
    };
    let Err(cause) = outcome else { return outcome };
    preparation.undo().await;
    let failed = preparation.failed.iter();
    Err(cause.not_undone(failed.map(|(node, _)| node.slot().path()).collect()))
}

/// Whether this group, or one in it, has been started.
fn is_started(group: &MultiService) -> bool {
    let groups = || group.children().into_iter().filter_map(|(_, child)| child.group);
    group.context().is_some() || groups().any(|group| is_started(&group))
}
