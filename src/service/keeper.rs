//! Keeps a tree running: restarts failed services according to their policies, and makes changes.

use super::changes::Changes;
use super::context::span_of;
use super::node::{Node, NotResumed};
use super::reload::{self, Failed};
use super::request::{Change, Request};
use super::restart::Verdict;
use super::run::{Ended, Run};
use super::{
    Context, Managed, MultiService, ReloadError, ReloadMode, ReloadReport, Resources, ServiceError,
    State, Step, Tree, TreeError,
};
use crate::chain::chain;
use futures::future::join_all;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout_at};
use tracing::{error, info};

/// A tree that is kept running until this is dropped.
pub(super) struct KeptRunning {
    keeper: JoinHandle<()>,
    failures: mpsc::UnboundedReceiver<ServiceError>,
}

/// Keeps the services of this tree running, on its first worker.
pub(super) fn keep_running(cx: &Context, services: &MultiService) -> KeptRunning {
    let requests = cx.tree().open(true);
    let (sender, failures) = mpsc::unbounded_channel();
    let keeper = Keeper {
        services: services.clone(),
        tree: cx.tree().clone(),
        resources: cx.privileged().resources().clone(),
        failures: sender,
    };
    let keeper = cx.workers().spawn_on(0, serve(Arc::new(keeper), requests));
    KeptRunning { keeper, failures }
}

impl KeptRunning {
    /// Waits for a failure that no policy handles. Never returns if there is none.
    pub(super) async fn failure(&mut self) -> ServiceError {
        match self.failures.recv().await {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }
}

impl Drop for KeptRunning {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

struct Keeper {
    services: MultiService,
    tree: Tree,
    resources: Resources,
    /// A failure that no policy here handles.
    failures: mpsc::UnboundedSender<ServiceError>,
}

/// A service that will be restarted.
struct Restart {
    node: Arc<Node>,
    /// The run that is over, unless it has been stopped already.
    run: Option<Arc<Run>>,
    after: Duration,
    /// What is kept for the service that has failed, until the one that is restarted keeps it.
    kept: Option<Box<dyn Any + Send>>,
}

async fn serve(keeper: Arc<Keeper>, mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut at_work = JoinSet::new();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                None => return,
                Some(Request::Ended(ended)) => {
                    if let Some(restart) = keeper.ended(ended) {
                        at_work.spawn(restart_until_it_runs(keeper.clone(), restart));
                    }
                }
                Some(Request::Ping(reply)) => _ = reply.send(()),
                Some(Request::Change(change, reply)) => {
                    at_work.spawn(carry_out(keeper.clone(), change, reply));
                }
                Some(Request::Reload(new, mode, reply)) => {
                    at_work.spawn(reload(keeper.clone(), new, mode, reply));
                }
            },
            Some(_) = at_work.join_next() => {}
        }
    }
}

/// Makes a change, and answers the request. Services that it has left stopped are started again.
async fn carry_out(
    keeper: Arc<Keeper>,
    change: Change,
    reply: oneshot::Sender<Result<(), TreeError>>,
) {
    let Keeper { services, tree, resources, .. } = &*keeper;
    let mut changes = Changes::new(services, tree, resources);
    // A reload may take long. If a new service of it waits for this change, it would take for ever.
    let outcome = match timeout_at(tree.stop_deadline(), tree.changing().read()).await {
        Ok(_changing) => changes.make(change).await,
        Err(_) => Err(TreeError::Reloading),
    };
    if let Err(Err(error)) = reply.send(outcome) {
        error!("a requested change was not made: {}", chain(&error));
    }
    keep_running_again(&keeper, changes.failed()).await;
}

/// Reloads the tree, and answers the request.
async fn reload(
    keeper: Arc<Keeper>,
    new: Managed,
    mode: ReloadMode,
    reply: oneshot::Sender<Result<ReloadReport, ReloadError>>,
) {
    let Keeper { services, tree, resources, .. } = &*keeper;
    let stopping = tree.stopping();
    let (outcome, failed) = tokio::select! {
        biased;
        () = stopping.cancelled() => (Err(ReloadError::Stopped), Vec::new()),
        alone = timeout_at(tree.stop_deadline(), tree.changing().write()) => match alone {
            Ok(_alone) => reload::reload(services, new, mode, tree, resources).await,
            Err(_) => (Err(ReloadError::Busy), Vec::new()),
        },
    };
    if let Err(Err(error)) = reply.send(outcome) {
        error!("the tree was not reloaded: {}", chain(&error));
    }
    keep_running_again(&keeper, failed).await;
}

/// Decides about services that should be running, but failed to start again.
async fn keep_running_again(keeper: &Arc<Keeper>, failed: Failed) {
    let mut restarts = Vec::new();
    for (node, failure) in failed {
        match keeper.decide(&node, Some(&failure)) {
            Some(after) => {
                let restart = Restart { node, run: None, after, kept: None };
                restarts.push(restart_until_it_runs(keeper.clone(), restart));
            }
            None => keeper.let_go(&node).await,
        }
    }
    join_all(restarts).await;
}

/// Restarts a service. If that fails for good, its group is restarted instead, and so on.
async fn restart_until_it_runs(keeper: Arc<Keeper>, mut restart: Restart) {
    while let Some(next) = keeper.restart(restart).await {
        restart = next;
    }
}

impl Keeper {
    /// Decides what follows the end of a service's run.
    fn ended(&self, Ended { path, run, cause }: Ended) -> Option<Restart> {
        let failure = cause.map(|cause| ServiceError::locate(&path, Step::Run, cause));
        let node = self.services.nearest(&path).map(|(_, node)| node);
        // A service that is not in the tree belongs to the nearest one around it.
        let is_current = |node: &Arc<Node>, current: &Arc<Run>| {
            Arc::ptr_eq(current, &run) || node.slot().path() != path
        };
        let current = node.and_then(|node| node.run().map(|current| (node, current)));
        let current = current.filter(|(node, now)| is_current(node, now) && !run.is_closing());
        let Some((node, current)) = current else {
            let failure = failure.as_ref()?;
            span_of(&path).in_scope(|| error!("while stopping: {}", chain(failure)));
            return None;
        };
        match failure {
            Some(failure) if Arc::ptr_eq(&current, &run) => self.failed(node, Some(run), failure),
            Some(failure) => self.failed_within(&node, failure),
            None if !Arc::ptr_eq(&current, &run) => None,
            None => {
                let after = self.decide(&node, None)?;
                Some(Restart { node, run: Some(run), after, kept: None })
            }
        }
    }

    /// Finds the policy that handles a failure: the service's own, or that of a group around it. `None`: there is no
    /// such policy, and the application has failed, or the failure is being handled already.
    fn failed(
        &self,
        node: Arc<Node>,
        run: Option<Arc<Run>>,
        failure: ServiceError,
    ) -> Option<Restart> {
        if let Some(after) = self.decide(&node, Some(&chain(&failure))) {
            return Some(Restart { node, run, after, kept: None });
        }
        let group = node.slot().path().parent().and_then(|group| self.services.locate(&group));
        match group {
            Some((_, group)) => self.failed_within(&group, failure),
            None => {
                // Without a receiver the application is gone.
                let _ = self.failures.send(failure);
                None
            }
        }
    }

    /// The same for the failure of something within the service. Its run fails only once, however many of them
    /// fail.
    fn failed_within(&self, node: &Arc<Node>, failure: ServiceError) -> Option<Restart> {
        let (run, state) = (node.run(), node.slot().state());
        match run.filter(|run| run.end() || state == State::Finished) {
            Some(run) => self.failed(node.clone(), Some(run), failure),
            None => {
                let path = node.slot().path();
                let _in_span = span_of(&failure.path).entered();
                error!(
                    "{}; the service {path} has failed, or is already being stopped",
                    chain(&failure)
                );
                None
            }
        }
    }

    /// How long to wait before a service that has failed, or finished, is started again. `None`: it is not.
    fn decide(&self, node: &Node, failure: Option<&str>) -> Option<Duration> {
        let slot = node.slot();
        let (verdict, failures) = node.ended(failure.is_some());
        failure.iter().for_each(|failure| slot.set_failure(failure));
        let _in_span = span_of(&slot.path()).entered();
        match (verdict, failure) {
            (Verdict::RestartAfter(after), Some(failure)) => {
                let seconds = seconds(after);
                error!(failures, "{failure}; restarting in {seconds} s (failure {failures})");
                return Some(after);
            }
            (Verdict::RestartAfter(after), None) => {
                info!("has finished; restarting in {} s", seconds(after));
                return Some(after);
            }
            (Verdict::LimitReached(limit), _) => error!(
                "{}; not restarted again, after {limit} restarts within restart-window",
                failure.unwrap_or("has finished")
            ),
            (Verdict::NotCovered, Some(_)) => {}
            (Verdict::NotCovered, None) => info!("has finished"),
        }
        slot.set_state(if failure.is_some() { State::Failed } else { State::Finished });
        None
    }

    /// Stops what is left of a run, and starts the service again when it is time. Returns what has to be
    /// restarted instead, if that fails for good.
    async fn restart(&self, Restart { node, run, mut after, kept }: Restart) -> Option<Restart> {
        let (path, interrupt) = (node.slot().path(), node.interrupt());
        if let Some(run) = run {
            let kept = self.resources.belongings().map(|all| all.keep(&path));
            if !node.end_failed_run(&run, self.tree.stop_deadline(), kept).await {
                return None; // it has been stopped or restarted meanwhile
            }
        }
        drop(kept); // the service has its sockets now
        let weak = Arc::downgrade(&node);
        drop(node);
        loop {
            let node = weak.upgrade().filter(|_| !interrupt.is_cancelled())?;
            node.slot().set_waiting(after);
            drop(node);
            tokio::select! {
                () = interrupt.cancelled() => return None,
                () = sleep(after) => {}
            }
            let node = weak.upgrade()?;
            let group = self.services.group(&path.parent()?)?;
            let failure = match group.resume(&node).await {
                Ok(()) => {
                    node.slot().count_restart();
                    span_of(&path).in_scope(|| info!("is running again"));
                    return None;
                }
                Err(NotResumed::Interrupted) => return None,
                Err(NotResumed::Failed(failure)) => failure,
            };
            match self.failed(node.clone(), None, failure) {
                Some(next) if Arc::ptr_eq(&next.node, &node) => after = next.after,
                next => {
                    let kept = node.take_kept().await;
                    return next.map(|next| Restart { kept, ..next });
                }
            }
        }
    }

    /// Releases what was kept for a run that will not happen.
    async fn let_go(&self, node: &Node) {
        drop(node.take_kept().await);
        if let Some(belongings) = self.resources.belongings() {
            belongings.let_go();
        }
    }
}

/// A time for people: in seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
