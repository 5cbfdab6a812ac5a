//! A running tree, which anybody may inspect and change.

use super::drains::{Draining, Drains};
use super::entry::Entry;
use super::request::{Change, Request};
use super::run::Ended;
use super::slot::{Slot, SlotSet};
use super::stop_order::{decide_order, decide_order_among};
use super::{
    IfFound, Managed, ReloadError, ReloadMode, ReloadReport, ServicePath, ServiceReport, TreeError,
};
use crate::sync::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{RwLock, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a service that is restarted, replaced or removed may take to stop, by default.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Used instead of times that the clock can't represent.
const LONGEST_STOP_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The services of one application, to inspect and change them by their paths while they are running. Cheap to
/// clone; can be used from any thread.
///
/// A service gets it from [`Context::tree`](super::Context::tree), the owner of the application from
/// [`Application::tree`](super::Application::tree).
///
/// The changes are made on the application's first worker, at the same time, and are completed even if the caller
/// does not wait for them. So a service can restart or remove itself; but it must not wait for that, since it
/// will be stopped meanwhile. A change waits for a [reload](Self::reload) in progress, for at most the stop-timeout; so a
/// service that a reload may start should not wait for a change before it has started.
///
/// ```
/// # use poetryd::service::{BoxError, Context};
/// # async fn example(cx: &Context) -> Result<(), BoxError> {
/// for service in cx.tree().list() {
///     println!("{} is {}", service.path, service.state);
/// }
/// cx.tree().restart(&"night.science".parse()?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tree(Arc<Inside>);

struct Inside {
    root: Arc<Slot>,
    /// The services that have found others.
    finders: Mutex<SlotSet>,
    all_started: watch::Sender<bool>,
    /// Where requests go while the application is running.
    requests: Mutex<Option<Requests>>,
    stop_timeout: Mutex<Duration>,
    drains: Arc<Drains>,
    /// Cancelled when the application has to stop.
    stopping: Mutex<CancellationToken>,
    /// Held while the tree is being changed: by changes to parts of it together, by a reload alone.
    changing: Arc<RwLock<()>>,
}

#[derive(Clone)]
struct Requests {
    sender: mpsc::UnboundedSender<Request>,
    /// Whether changes can be made.
    can_change: bool,
}

impl Tree {
    /// A tree without services, which is not running.
    pub(super) fn new() -> Self {
        Self(Arc::new(Inside {
            root: Arc::default(),
            finders: Mutex::default(),
            all_started: watch::Sender::new(false),
            requests: Mutex::default(),
            stop_timeout: Mutex::new(STOP_TIMEOUT),
            drains: Arc::default(),
            stopping: Mutex::default(),
            changing: Arc::default(),
        }))
    }

    /// Every service that has been started, in the order in which services start: a group before its children.
    ///
    /// This does not wait for anything: it returns even if every worker is blocked by a service.
    pub fn list(&self) -> Vec<ServiceReport> {
        self.entries().iter().map(Entry::report).collect()
    }

    /// The same services, for those who look at them often and need not read all of it each time.
    pub fn entries(&self) -> Vec<Entry> {
        let (mut entries, mut ahead) = (Vec::new(), self.0.root.children());
        ahead.reverse();
        while let Some(slot) = ahead.pop() {
            let (seen, children) = slot.look();
            ahead.extend(children.into_iter().rev());
            entries.push(Entry::new(slot, seen));
        }
        entries
    }

    /// The service at `path`. `None`: there is none, or it has not been started yet.
    pub fn report(&self, path: &ServicePath) -> Option<ServiceReport> {
        self.slot(path).map(|slot| slot.report())
    }

    /// Adds a service to a running group (the [root](ServicePath::root) is one, too), and starts it.
    ///
    /// # Errors
    /// If the name is used already or is not valid, or the service fails to start; the tree has not changed then.
    pub async fn add(
        &self,
        group: &ServicePath,
        name: impl Into<String>,
        service: impl Into<Managed>,
    ) -> Result<(), TreeError> {
        let (group, name, service) = (group.clone(), name.into(), service.into());
        self.change(Change::Add { group, name, service }).await
    }

    /// Stops a service, and removes it from the tree.
    ///
    /// # Errors
    /// If there is no such service, or others [have found](super::Context::find) it.
    pub async fn remove(&self, path: &ServicePath, if_found: IfFound) -> Result<(), TreeError> {
        self.change(Change::Remove { path: path.clone(), if_found }).await
    }

    /// Stops a service, and starts another one in its place. Services that have found it are stopped before and
    /// started again afterwards, so that they find the new one. Sockets that both listen on stay open. If the old one
    /// [has been stopped](Self::stop), the new one stays stopped, too. The same holds for the services of a group.
    ///
    /// # Errors
    /// If there is no such service, or the new one fails to start. In that case the old one has been started again,
    /// unless its group has been stopped meanwhile.
    pub async fn replace(
        &self,
        path: &ServicePath,
        service: impl Into<Managed>,
    ) -> Result<(), TreeError> {
        self.change(Change::Replace { path: path.clone(), service: service.into() }).await
    }

    /// Stops a service and starts the same instance again. Its handle stays valid, and its sockets stay open.
    ///
    /// # Errors
    /// If there is no such service, or it fails to start; its [`Restart`](super::Restart) policy then decides
    /// whether there will be further attempts.
    pub async fn restart(&self, path: &ServicePath) -> Result<(), TreeError> {
        self.change(Change::Restart { path: path.clone() }).await
    }

    /// Stops a service, which stays in the tree until it is [started](Self::start) again. Its sockets stay open,
    /// so clients wait.
    ///
    /// # Errors
    /// The same as for [`remove`](Self::remove).
    pub async fn stop(&self, path: &ServicePath, if_found: IfFound) -> Result<(), TreeError> {
        self.change(Change::Stop { path: path.clone(), if_found }).await
    }

    /// Starts a service that has been stopped, has finished, or has failed. Has no effect if it is running.
    ///
    /// # Errors
    /// The same as for [`restart`](Self::restart).
    pub async fn start(&self, path: &ServicePath) -> Result<(), TreeError> {
        self.change(Change::Start { path: path.clone() }).await
    }

    /// Changes the running tree into this group.
    pub(super) async fn change_into(
        &self,
        new: Managed,
        mode: ReloadMode,
    ) -> Result<ReloadReport, ReloadError> {
        let requests = self.requests().filter(|requests| requests.can_change);
        let requests = requests.ok_or(ReloadError::NotRunning)?;
        let (reply, answer) = oneshot::channel();
        // Without a receiver the application is gone, and so is the reply.
        let _ = requests.sender.send(Request::Reload(new, mode, reply));
        answer.await.unwrap_or(Err(ReloadError::Stopped))
    }

    /// The services that reloads have replaced or removed, and that have not stopped yet.
    pub fn draining(&self) -> Vec<Draining> {
        self.0.drains.list()
    }

    /// Waits until the first worker has taken a request. It does at once, unless a service blocks it: changes
    /// would have to wait, too.
    ///
    /// # Errors
    /// If the application is not running.
    pub async fn responds(&self) -> Result<(), TreeError> {
        let requests = self.requests().filter(|requests| requests.can_change);
        let requests = requests.ok_or(TreeError::NotRunning)?;
        let (reply, answer) = oneshot::channel();
        // Without a receiver the application is gone, and so is the reply.
        let _ = requests.sender.send(Request::Ping(reply));
        answer.await.map_err(|_| TreeError::NotRunning)
    }

    async fn change(&self, change: Change) -> Result<(), TreeError> {
        let Some(requests) = self.requests().filter(|requests| requests.can_change) else {
            return Err(TreeError::NotRunning);
        };
        let (reply, answer) = oneshot::channel();
        // Without a receiver the application is gone, and so is the reply.
        let _ = requests.sender.send(Request::Change(change, reply));
        answer.await.unwrap_or(Err(TreeError::NotRunning))
    }

    fn requests(&self) -> Option<Requests> {
        self.0.requests.lock().clone()
    }

    /// From now on requests can be made: to report the end of a run and, if changes can be made, for those.
    pub(super) fn open(&self, can_change: bool) -> mpsc::UnboundedReceiver<Request> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.0.requests.lock() = Some(Requests { sender, can_change });
        self.0.all_started.send_replace(false);
        *self.0.stopping.lock() = CancellationToken::new();
        receiver
    }

    pub(super) fn report_end(&self, ended: Ended) {
        if let Some(requests) = self.requests() {
            // Without a receiver the application is gone.
            let _ = requests.sender.send(Request::Ended(ended));
        }
    }

    pub(super) fn root(&self) -> &Arc<Slot> {
        &self.0.root
    }

    pub(super) fn slot(&self, path: &ServicePath) -> Option<Arc<Slot>> {
        path.names().try_fold(self.0.root.clone(), |slot, name| slot.child(name))
    }

    pub(super) fn say_all_started(&self) {
        self.0.all_started.send_replace(true);
    }

    pub(super) async fn all_started(&self) {
        let mut receiver = self.0.all_started.subscribe();
        // The sender lives as long as this tree.
        let _ = receiver.wait_for(|started| *started).await;
    }

    /// Records that one service has found another one, unless it contains that one itself.
    pub(super) fn has_found(&self, finder: &Arc<Slot>, found: &Arc<Slot>) {
        let finder = finder.owner();
        if !found.is_within(&finder) {
            finder.has_found(found);
            self.0.finders.lock().insert(&finder);
        }
    }

    /// Forgets what a service has found.
    pub(super) fn forget_finds(&self, finder: &Arc<Slot>) {
        if finder.forget_finds() {
            self.0.finders.lock().remove(finder);
        }
    }

    /// Fixes the order in which the services within `group` stop, unless that has been done.
    pub(super) fn stop_in_order(&self, group: &Arc<Slot>) {
        if group.begin_to_stop_in_order() {
            let finders: Vec<_> = self.0.finders.lock().iter().collect();
            decide_order(group, finders);
        }
    }

    /// When a service that is told to stop now has to have stopped.
    pub(super) fn stop_deadline(&self) -> Instant {
        let (now, timeout) = (Instant::now(), *self.0.stop_timeout.lock());
        now.checked_add(timeout).unwrap_or(now + LONGEST_STOP_TIMEOUT)
    }

    pub(crate) fn set_stop_timeout(&self, timeout: Duration) {
        *self.0.stop_timeout.lock() = timeout;
    }

    /// The same for services that are anywhere in the tree, given by the addresses of their slots.
    pub(super) fn decide_order_among(&self, services: &HashSet<usize>) {
        let finders: Vec<_> = self.0.finders.lock().iter().collect();
        decide_order_among(services, finders);
    }

    /// Declares that the application has to stop: a reload in progress is undone.
    pub(super) fn say_stopping(&self) {
        self.0.stopping.lock().cancel();
    }

    /// Cancelled when the application has to stop.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.0.stopping.lock().clone()
    }

    /// Does something during which the application is not told to stop. `None`: it has been already.
    pub(super) fn unless_stopping<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        let stopping = self.0.stopping.lock();
        let work = Some(work).filter(|_| !stopping.is_cancelled());
        work.map(|work| work())
    }

    /// Held while the tree is being changed: by changes to parts of it together, by a reload alone.
    pub(super) fn changing(&self) -> &Arc<RwLock<()>> {
        &self.0.changing
    }

    pub(super) fn drains(&self) -> &Arc<Drains> {
        &self.0.drains
    }
}
