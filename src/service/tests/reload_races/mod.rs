//! Reloads during which something else happens to the services.

mod exclusive;
mod misuse;
mod order;

use super::*;
use crate::service::{
    Managed, ReloadError, ReloadMode, ReloadReport, Restart, Service, ServiceFn, ServicePath,
    State, Tree,
};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Bounds a hang.
const HANG_LIMIT: Duration = Duration::from_secs(3600);

/// A service that does something when it is told to. The number tells instances apart.
#[derive(Clone, Default)]
struct Actor {
    record: Record,
    number: u32,
    is_exclusive: bool,
    /// What its start waits for.
    starts: Option<Arc<Notify>>,
    /// What its stop waits for.
    stops: Option<Arc<Notify>>,
    /// When it fails.
    fails: Option<Arc<Notify>>,
    /// When it looks for the store.
    searches: Option<Arc<Notify>>,
    /// Whether it finds the store when it starts.
    finds: bool,
    path: String,
}

impl Actor {
    fn new(record: &Record, number: u32) -> Self {
        Self { record: record.clone(), number, ..Self::default() }
    }

    fn exclusive(record: &Record, number: u32) -> Self {
        Self { is_exclusive: true, ..Self::new(record, number) }
    }

    fn note(&self, what: &str) {
        self.record.note(format!("{what} {} {}", self.path, self.number));
    }
}

#[async_trait]
impl Service for Actor {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.path = cx.path().to_string();
        self.note("start");
        if self.finds {
            cx.find::<u32>("store")?;
        }
        if let Some(starts) = &self.starts {
            starts.notified().await;
        }
        if let Some(fails) = self.fails.clone() {
            cx.spawn(async move {
                fails.notified().await;
                Err("broken".into())
            });
        }
        if let Some(searches) = self.searches.clone() {
            let (cx, actor) = (cx.clone(), self.clone());
            tokio::spawn(async move {
                searches.notified().await;
                let store = cx.find::<u32>("store").unwrap();
                actor.note(&format!("store {store} found by"));
            });
        }
        Ok(())
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some(stops) = &self.stops {
            let _ = tokio::time::timeout_at(deadline, stops.notified()).await;
        }
        self.note("stop");
        Ok(())
    }

    fn handle(&self) -> Option<Handle> {
        Some(Handle::new(self.number))
    }

    fn may_overlap(&self) -> bool {
        !self.is_exclusive
    }
}

/// The number counts as the settings.
fn managed(actor: Actor) -> Managed {
    let settings = Box::new(actor.number);
    Managed::new(actor).settings(settings)
}

fn tree<const N: usize>(services: [(&'static str, Managed); N]) -> Application {
    let mut application = Application::new("test");
    for (name, service) in services {
        application.add(name, service).unwrap();
    }
    application
}

async fn started(mut application: Application) -> Application {
    start(&mut application).await.unwrap();
    a_moment().await;
    application
}

async fn a_moment() {
    sleep(Duration::from_millis(1)).await;
}

/// Begins a reload, and gets as far as possible.
async fn begin(tree: &Tree, new: Application) -> JoinHandle<Result<ReloadReport, ReloadError>> {
    let tree = tree.clone();
    let reload = tokio::spawn(async move { tree.reload(new, ReloadMode::Change).await });
    a_moment().await;
    reload
}

async fn end(
    reload: JoinHandle<Result<ReloadReport, ReloadError>>,
) -> Result<ReloadReport, ReloadError> {
    let outcome = timeout(HANG_LIMIT, reload).await.expect("the reload hangs").unwrap();
    a_moment().await;
    outcome
}

async fn reload(tree: &Tree, new: Application) -> Result<ReloadReport, ReloadError> {
    end(begin(tree, new).await).await
}

fn state(tree: &Tree, path: &str) -> Option<State> {
    tree.report(&path.parse().unwrap()).map(|report| report.state)
}

/// A group that is restarted a second after it has failed, and a service in it that fails.
struct Failing {
    record: Record,
    fails: Arc<Notify>,
    starts: Arc<Notify>,
}

impl Failing {
    fn new() -> Self {
        Self { record: Record::default(), fails: Arc::default(), starts: Arc::default() }
    }

    /// `slow`: there is a service that does not start before it is told to.
    fn tree(&self, number: u32, slow: bool) -> Application {
        let fails = Actor { fails: Some(self.fails.clone()), ..Actor::new(&self.record, 1) };
        let group = MultiService::from([
            ("fails", managed(fails)),
            ("part", managed(Actor::new(&self.record, number))),
        ]);
        let mut restart = Restart::on_failure();
        restart.delay = Duration::from_secs(1);
        let application = tree([("group", Managed::new(group).restart(restart))]);
        if slow {
            let starts = Some(self.starts.clone());
            let slow = Actor { starts, ..Actor::new(&self.record, 1) };
            application.services().add("slow", managed(slow)).unwrap();
        }
        application
    }

    fn starts_of_part(&self) -> Vec<String> {
        let mut record = self.record.take();
        record.retain(|entry| entry.contains("group.part"));
        record
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fails_during_a_reload_starts_each_service_once() {
    let failing = Failing::new();
    let mut running = started(failing.tree(1, false)).await;
    let tree = running.tree().clone();
    failing.record.take();
    let reloading = begin(&tree, failing.tree(2, true)).await;
    failing.fails.notify_one();
    a_moment().await;
    assert_eq!(state(&tree, "group"), Some(State::Waiting));
    failing.starts.notify_one();
    assert!(matches!(end(reloading).await, Err(ReloadError::Busy)));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(
        failing.starts_of_part(),
        ["start group.part 2", "stop group.part 1", "stop group.part 2", "start group.part 1"]
    );
    assert_eq!(state(&tree, "group.part"), Some(State::Running));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_restarted_during_a_reload_has_all_its_services() {
    let failing = Failing::new();
    let mut running = started(failing.tree(1, false)).await;
    let tree = running.tree().clone();
    failing.fails.notify_one();
    a_moment().await;
    assert_eq!(state(&tree, "group"), Some(State::Waiting));
    failing.record.take();
    let reloading = begin(&tree, failing.tree(2, true)).await;
    sleep(Duration::from_secs(2)).await;
    failing.starts.notify_one();
    assert!(matches!(end(reloading).await, Err(ReloadError::Busy)));
    assert_eq!(state(&tree, "group.part"), Some(State::Running));
    failing.starts.notify_one();
    reload(&tree, failing.tree(2, true)).await.unwrap();
    assert_eq!(
        failing.starts_of_part(),
        ["start group.part 1", "start group.part 2", "stop group.part 1"]
    );
    assert_eq!(state(&tree, "group.part"), Some(State::Running));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_finds_another_during_a_reload_does_not_keep_what_goes() {
    let record = Record::default();
    let (searches, starts) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let with = |store, slow| {
        let user = Actor { searches: Some(searches.clone()), ..Actor::new(&record, 1) };
        let slow_one = Actor { starts: Some(starts.clone()), ..Actor::new(&record, 1) };
        let application =
            tree([("store", managed(Actor::new(&record, store))), ("user", managed(user))]);
        if slow {
            application.services().add("slow", managed(slow_one)).unwrap();
        }
        application
    };
    let mut running = started(with(1, false)).await;
    let tree = running.tree().clone();
    record.take();
    let reloading = begin(&tree, with(2, true)).await;
    searches.notify_one();
    a_moment().await;
    starts.notify_one();
    assert!(matches!(end(reloading).await, Err(ReloadError::Busy)));
    assert_eq!(
        record.take(),
        ["start store 2", "start slow 1", "store 1 found by user 1", "stop slow 1", "stop store 2"]
    );
    let report = reload(&tree, with(2, false)).await.unwrap();
    let replaced: Vec<&str> = report.replaced.iter().map(ServicePath::as_str).collect();
    assert_eq!(replaced, ["store", "user"]);
    running.stop(soon()).await.unwrap();
}
