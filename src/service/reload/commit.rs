//! The change itself. Nothing here can fail.

use super::plan::Group;
use super::preparation::Preparation;
use super::{ReloadError, ReloadReport};
use crate::service::Tree;
use crate::service::error::guarded;
use crate::service::multi::Child;
use crate::service::slot::{Slot, address, addresses_within, all_within};
use futures::future::join_all;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::error;

/// How long the verdict waits for a worker that is blocked.
const BUSY_WORKER_LIMIT: Duration = Duration::from_secs(1);

impl Preparation<'_> {
    /// Changes the tree, unless the application has been told to stop.
    pub(super) async fn commit(&mut self) -> Result<ReloadReport, ReloadError> {
        let workers = self.services.context().map(|cx| cx.workers().clone());
        let tree = self.tree;
        let changed = tree.unless_stopping(|| self.plan.still_fits().then(|| self.change()));
        let Some((changed, workers)) = changed.zip(workers) else {
            return Err(ReloadError::Stopped);
        };
        let (retired, before) = changed.ok_or(ReloadError::Busy)?;
        let going: HashSet<usize> =
            retired.iter().map(|retired| address(retired.node.slot())).collect();
        drop(workers.spawn_on(0, drain(tree, retired, before)));
        // Only then no worker accepts clients for a service that has been closed: whoever comes after the verdict
        // meets the new ones.
        workers.all_take_note(BUSY_WORKER_LIMIT).await;
        let others = self.start_again(|node| !going.contains(&address(node.slot()))).await;
        self.plan.report.restarted = others;
        self.kept = None;
        if let Some(belongings) = self.resources.belongings() {
            belongings.let_go();
        }
        Ok(mem::take(&mut self.plan.report))
    }

    /// Returns the services that go, and the slots in which they find what they have found before.
    fn change(&mut self) -> (Vec<Child>, Vec<Arc<Slot>>) {
        let retired = mem::take(&mut self.plan.retired);
        self.generation.settle();
        let ended = self.ended();
        self.update();
        let slots = retired.iter().map(|retired| retired.node.slot());
        self.tree.decide_order_among(&addresses_within(slots));
        let before = mem::take(&mut self.plan.groups).into_iter().map(|group| group.commit());
        let before = before.collect();
        // Before they close: a socket that nobody has taken over is emptied then, and clients that come later are
        // refused. If it were kept longer, these would wait, and be reset in the end.
        self.handed_over = None;
        retired.iter().rev().for_each(close);
        self.generation.commit();
        ended.into_iter().for_each(|ended| self.tree.report_end(ended));
        (retired, before)
    }

    /// Changes the services that stay.
    fn update(&mut self) {
        let report = &mut self.plan.report;
        for (node, update) in self.updates.drain(..) {
            let path = node.slot().path();
            update.text().iter().for_each(|text| report.update(path.clone(), text));
            if let Err(panic) = guarded(|| update.commit()) {
                error!("the service {path} {panic} when it had to change for a reload");
            }
        }
        for kept in self.plan.kept.drain(..) {
            if kept.node.restart_like(&kept.like) {
                report.update(kept.node.slot().path(), "another restart policy");
            }
        }
    }
}

impl Group {
    /// Puts the services in place. Returns the slot that contains what was there before.
    fn commit(self) -> Arc<Slot> {
        let Self { group, children, stand_in, running, .. } = self;
        if let Some(running) = running {
            running.exchange_children(&stand_in);
            running.children().iter().for_each(|slot| slot.belongs_to(&running));
            let stays = |slot: &Arc<Slot>| {
                running.child(slot.path().name()).is_some_and(|now| Arc::ptr_eq(&now, slot))
            };
            let before = stand_in.children();
            before.iter().filter(|slot| !stays(slot)).for_each(|slot| slot.belongs_to(&stand_in));
        }
        group.set_children(children);
        stand_in
    }
}

/// A service that goes accepts nothing more, unless others that have found it are still to be stopped.
fn close(retired: &Child) {
    let slot = retired.node.slot();
    all_within(slot).iter().for_each(|slot| slot.retire());
    if retired.is_plain_group {
        slot.begin_to_stop_in_order(); // the order has been decided already
    }
    retired.node.close();
}

/// Stops services that have been closed: first those that contain no others. They find what is in `before` until
/// then.
fn drain(
    tree: &Tree,
    services: Vec<Child>,
    before: Vec<Arc<Slot>>,
) -> impl Future<Output = ()> + Send + 'static {
    let (groups, leaves): (Vec<Child>, Vec<Child>) =
        services.into_iter().partition(|service| service.is_plain_group);
    let drains = tree.drains().clone();
    let add =
        |service: Child| (drains.add(service.node.slot(), service.node.may_overlap()), service);
    let (groups, leaves): (Vec<_>, Vec<_>) =
        (groups.into_iter().map(add).collect(), leaves.into_iter().map(add).collect());
    tree.drains().track(async move {
        let stop = async |(deadline, service): &(watch::Receiver<Instant>, Child)| {
            let errors = service.node.drain(deadline.clone()).await;
            drains.stopped(service.node.slot(), errors);
        };
        join_all(leaves.iter().map(&stop)).await;
        for group in groups.iter().rev() {
            stop(group).await;
        }
        drop(before);
    })
}
