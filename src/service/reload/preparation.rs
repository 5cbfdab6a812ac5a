//! What can fail: everything before the change itself.

use super::plan::{Kept, New, Plan};
use super::sequence::{Sequence, Stopped, stop, stop_together};
use super::{ReloadError, ReloadReport};
use crate::chain::chain;
use crate::service::generation::Generation;
use crate::service::multi::TIME_TO_UNDO;
use crate::service::node::{Node, NotResumed};
use crate::service::run::Ended;
use crate::service::slot::{address, all_within};
use crate::service::{
    Context, MultiService, Resources, ServiceError, ServicePath, Step, Tree, Update,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::error;

/// How many services prepare their changes at the same time.
const PREPARED_TOGETHER: usize = 8;

/// A reload that has not been committed.
pub(super) struct Preparation<'a> {
    pub(super) plan: Plan,
    pub(super) services: &'a MultiService,
    pub(super) tree: &'a Tree,
    pub(super) resources: &'a Resources,
    pub(super) generation: Arc<Generation>,
    ended: mpsc::UnboundedReceiver<Ended>,
    /// New services that have finished already.
    finished: Vec<Ended>,
    /// What services that stay will change.
    pub(super) updates: Vec<(Arc<Node>, Update)>,
    pub(super) sequence: Sequence,
    /// Whether what has to be stopped for others may have been stopped.
    has_stopped: bool,
    /// What the services that go leave to others.
    pub(super) handed_over: Option<Box<dyn Any + Send>>,
    /// What the services need that are stopped and started again.
    pub(super) kept: Option<Box<dyn Any + Send>>,
    /// Services that should be running, but failed to start again, and why.
    pub(super) failed: Vec<(Arc<Node>, String)>,
}

impl<'a> Preparation<'a> {
    pub(super) fn new(
        plan: Plan,
        services: &'a MultiService,
        tree: &'a Tree,
        resources: &'a Resources,
    ) -> Self {
        let (generation, ended) = Generation::new();
        let sequence = Sequence::of(&plan, services, tree);
        let going: Vec<&Arc<Node>> = plan.retired.iter().map(|retired| &retired.node).collect();
        let go: HashSet<usize> = going.iter().map(|node| address(node.slot())).collect();
        let stays = |node: &&Arc<Node>| !go.contains(&address(node.slot()));
        let staying = sequence.stop.iter().map(|stopped| &stopped.node).filter(stays).collect();
        let (kept, handed_over) = (hand_over(resources, staying), hand_over(resources, going));
        let (finished, updates, failed) = Default::default();
        Self {
            plan,
            services,
            tree,
            resources,
            generation,
            ended,
            finished,
            updates,
            sequence,
            has_stopped: false,
            handed_over,
            kept,
            failed,
        }
    }

    /// Does everything that can fail. If this fails or is dropped, it has to be [undone](Self::undo).
    pub(super) async fn prepare(&mut self) -> Result<(), ReloadError> {
        let cx = self.services.context().ok_or(ReloadError::NotRunning)?;
        let steps = async {
            self.updates = updates(&self.plan.kept).await?;
            let (first, last) = self.plan.new.split_at(self.sequence.first);
            start(first, &cx, &self.generation).await?;
            self.has_stopped = true;
            stop(&self.sequence.stop, self.tree).await;
            if !last.is_empty() {
                self.tree.drains().stop_exclusive(self.tree.stop_deadline()).await;
            }
            start(last, &cx, &self.generation).await
        };
        tokio::select! {
            biased;
            failure = failure(&mut self.ended, &mut self.finished) => Err(failure.into()),
            done = steps => done,
        }
    }

    /// The ends of runs that have not been reported to the tree.
    pub(super) fn ended(&mut self) -> Vec<Ended> {
        let mut ended = std::mem::take(&mut self.finished);
        ended.extend(std::iter::from_fn(|| self.ended.try_recv().ok()));
        ended
    }

    /// Stops what has been started, and starts what has been stopped.
    pub(super) async fn undo(&mut self) {
        let nodes: Vec<&Arc<Node>> = self.plan.new.iter().map(|new| &new.node).collect();
        for error in stop_together(&nodes, self.tree, Instant::now() + TIME_TO_UNDO).await {
            error!("while undoing the reload: {}", chain(&error));
        }
        if self.has_stopped {
            self.start_again(|_| true).await;
        }
        (self.handed_over, self.kept) = (None, None);
        // What only new services had asked for. While the daemon is stopping, what is stored is for the next one.
        if let Some(belongings) = self.resources.belongings() {
            self.tree.unless_stopping(|| belongings.let_go());
        }
    }

    /// Starts some of the services that have been stopped. Returns the paths of those that were to be started.
    pub(super) async fn start_again(&mut self, which: impl Fn(&Node) -> bool) -> Vec<ServicePath> {
        let mut paths = Vec::new();
        let stopped = self.sequence.stop.iter().filter(|stopped| which(&stopped.node));
        for Stopped { group, node, .. } in stopped.filter(|stopped| stopped.works()) {
            paths.push(node.slot().path());
            if let Err(NotResumed::Failed(error)) = group.resume(node).await {
                error!("it had to be stopped for a reload: {}", chain(&error));
                self.failed.push((node.clone(), chain(&error)));
            }
        }
        paths
    }
}

/// Keeps what services own, until the value is dropped.
fn hand_over(resources: &Resources, of: Vec<&Arc<Node>>) -> Option<Box<dyn Any + Send>> {
    let slots = of.into_iter().flat_map(|node| all_within(node.slot()));
    let paths: Vec<ServicePath> = slots.map(|slot| slot.path()).collect();
    resources.belongings().map(|belongings| belongings.hand_over(&paths))
}

/// What the services that stay will change. Several prepare at the same time.
async fn updates(kept: &[Kept]) -> Result<Vec<(Arc<Node>, Update)>, ServiceError> {
    let prepare = async |node: Arc<Node>| {
        let update = node.reload().await?;
        Ok((node, update))
    };
    let nodes: Vec<Arc<Node>> = kept.iter().map(|kept| kept.node.clone()).collect();
    stream::iter(nodes).map(prepare).buffered(PREPARED_TOGETHER).try_collect().await
}

/// Waits for the failure of a new service that has started.
async fn failure(
    ended: &mut mpsc::UnboundedReceiver<Ended>,
    finished: &mut Vec<Ended>,
) -> ServiceError {
    loop {
        match ended.recv().await {
            Some(Ended { path, cause: Some(cause), .. }) => {
                return ServiceError::locate(&path, Step::Run, cause);
            }
            Some(over) => finished.push(over),
            None => std::future::pending().await,
        }
    }
}

/// Starts new services: first what needs the sockets of others, then the rest.
async fn start(
    new: &[New],
    root: &Context,
    generation: &Arc<Generation>,
) -> Result<(), ReloadError> {
    for New { node, .. } in new {
        node.privileged_start(root.privileged().at(node.slot().path()))?;
    }
    for New { node, group, .. } in new {
        let cx = group.context().ok_or(ReloadError::Stopped)?;
        node.start(&cx.in_generation(generation)).await?;
    }
    Ok(())
}

/// What a plan would change, if nothing fails that can be found out now.
pub(super) async fn check(plan: Plan) -> Result<ReloadReport, ReloadError> {
    let mut report = plan.report;
    for (node, update) in updates(&plan.kept).await? {
        update.text().iter().for_each(|text| report.update(node.slot().path(), text));
    }
    let new: Vec<Arc<Node>> = plan.new.into_iter().map(|new| new.node).collect();
    let check = move || new.iter().try_for_each(|node| node.check());
    match tokio::task::spawn_blocking(check).await {
        Ok(checked) => checked?,
        Err(_) => return Err(ReloadError::Stopped), // the runtime is ending
    }
    Ok(report)
}
