//! What has to be stopped before a part of the new services can start.

use super::plan::Plan;
use crate::chain::chain;
use crate::service::changes::users_of_users;
use crate::service::node::Node;
use crate::service::slot::{address, addresses_within};
use crate::service::{MultiService, ServiceError, State, Tree};
use futures::future::join_all;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::error;

/// The order in which new services start and running ones stop.
pub(super) struct Sequence {
    /// How many of the new services start while all others are running.
    pub(super) first: usize,
    /// Running services that have to be stopped before the others start, in the order in which they start.
    pub(super) stop: Vec<Stopped>,
}

/// A running service that has to be stopped for a reload.
pub(super) struct Stopped {
    pub(super) group: MultiService,
    pub(super) node: Arc<Node>,
    /// What it was doing before.
    before: State,
}

impl Stopped {
    /// Whether it is started again if it stays. If it does not work any more, its state is what it was.
    pub(super) fn works(&self) -> bool {
        let is_over = matches!(self.before, State::Finished | State::Failed);
        if is_over {
            self.node.slot().set_state(self.before);
        }
        !is_over
    }
}

impl Sequence {
    /// Finds out what has to be stopped: services that must not run at the same time as a new one, and their users.
    /// Users that stay, because they were added while the tree was running, are stopped, too, in order to find the new
    /// services.
    pub(super) fn of(plan: &Plan, services: &MultiService, tree: &Tree) -> Self {
        let leaves = plan.retired.iter().filter(|retired| !retired.is_plain_group);
        let leaves: Vec<&Arc<Node>> = leaves.map(|retired| &retired.node).collect();
        let going = addresses_within(leaves.iter().map(|node| node.slot()));

        let mut stopped: Vec<Arc<Node>> = Vec::new();
        for user in leaves.iter().flat_map(|node| node.slot().users()) {
            // One that an earlier reload has replaced or removed finishes what is in progress, whatever is at its path
            // now.
            if !going.contains(&address(&user)) && !user.is_retired() {
                stopped.extend(services.nearest(&user.path()).map(|(_, user)| user));
            }
        }
        let mut first = plan.new.len();
        let exclusive = |retired: &&Arc<Node>| is_active(retired) && !retired.may_overlap();
        let old: Vec<&Arc<Node>> = leaves.into_iter().filter(exclusive).collect();
        let is_alone = old.is_empty() && !tree.drains().have_exclusive();
        if let Some(new) = plan.new.iter().position(|new| !new.may_overlap).filter(|_| !is_alone) {
            first = new;
            stopped.extend(old.into_iter().cloned());
        }
        let users = stopped.iter().flat_map(|node| users_of_users(services, node));
        let users: Vec<Arc<Node>> = users.map(|(_, user)| user).collect();
        stopped.extend(users);
        stopped.retain(is_active);
        stopped.sort_by_cached_key(|node| node.slot().position());
        stopped.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let with_group = |node: Arc<Node>| {
            let (group, node) = services.locate(&node.slot().path())?;
            let before = node.slot().state();
            Some(Stopped { group, node, before })
        };
        Self { first, stop: stopped.into_iter().filter_map(with_group).collect() }
    }
}

/// Whether it is running, or will be when its restart is due.
fn is_active(node: &Arc<Node>) -> bool {
    node.run().is_some() || node.slot().state() == State::Waiting
}

/// Stops running services, whose sockets are kept: clients wait.
pub(super) async fn stop(services: &[Stopped], tree: &Tree) {
    let nodes: Vec<&Arc<Node>> = services.iter().map(|stopped| &stopped.node).collect();
    let deadline = tree.stop_deadline();
    // Services that earlier reloads have replaced may still use them.
    let users = nodes.iter().flat_map(|node| node.slot().users());
    users.for_each(|user| tree.drains().hurry(&user, deadline));
    for error in stop_together(&nodes, tree, deadline).await {
        error!("{}", chain(&error));
    }
}

/// Stops services, given in the order in which they start. Returns what went wrong.
pub(super) async fn stop_together(
    nodes: &[&Arc<Node>],
    tree: &Tree,
    deadline: Instant,
) -> Vec<ServiceError> {
    tree.decide_order_among(&addresses_within(nodes.iter().map(|node| node.slot())));
    nodes.iter().rev().for_each(|node| node.close());
    let stopping = nodes.iter().rev().map(|node| node.stop(deadline));
    join_all(stopping).await.into_iter().flatten().collect()
}
