//! Whatever is done to a running tree, it is as if it had been started that way.

use super::*;
use crate::service::{IfFound, Managed, Restart, ServicePath, State};
use crate::sockets::{Endpoint, LentSocket, ListenOptions, Sockets};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::time::sleep;

const NAMES: [&str; 3] = ["a", "b", "c"];
const GROUPS: [&str; 3] = ["-", "g", "h"];

/// A service of the test: what it listens on, and whom it looks for.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    socket: Option<u8>,
    finds: Option<&'static str>,
    /// The starts that fail, counted from 1.
    failing_starts: &'static [usize],
}

/// What it shows: which instance it is, and whether that runs.
#[derive(Clone, Default)]
struct Shown {
    instance: usize,
    runs: Arc<AtomicBool>,
    /// What it has found itself, in this run.
    found: Arc<Mutex<Option<Box<Shown>>>>,
    fail: Arc<tokio::sync::Notify>,
}

struct Planned {
    plan: Plan,
    starts: usize,
    shown: Shown,
    socket: Option<LentSocket>,
}

fn name_of_socket(number: u8) -> PathBuf {
    format!("@poetryd-properties-{}-{number}", std::process::id()).into()
}

#[async_trait]
impl Service for Planned {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let Some(number) = self.plan.socket else { return Ok(()) };
        let endpoint = Endpoint::Unix(name_of_socket(number));
        let sockets = cx.resource::<Sockets>().unwrap();
        self.socket = sockets.open(cx.path(), &endpoint, &ListenOptions::default())?;
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.starts += 1;
        let start = async || {
            tokio::task::yield_now().await;
            if self.plan.failing_starts.contains(&self.starts) {
                return Err(BoxError::from("out of ink"));
            }
            self.plan.finds.map(|name| cx.find::<Shown>(name)).transpose().map_err(BoxError::from)
        };
        match start().await {
            Ok(found) => *self.shown.found.lock().unwrap() = found.map(Box::new),
            Err(error) => {
                self.socket = None; // a failed start gives back what it took
                return Err(error);
            }
        }
        self.shown.runs.store(true, Ordering::Relaxed);
        let fail = self.shown.fail.clone();
        cx.spawn(async move {
            fail.notified().await;
            Err("out of paper".into())
        });
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        self.shown.runs.store(false, Ordering::Relaxed);
        self.socket = None;
        *self.shown.found.lock().unwrap() = None;
        Ok(())
    }

    fn handle(&self) -> Option<Handle> {
        Some(Handle::new(self.shown.clone()))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize, usize, Plan),
    Replace(usize, usize, Plan),
    Remove(usize, usize),
    Move(usize, usize, usize),
    Restart(usize, usize),
    RestartGroup(usize),
    Fail(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (group, name) = (0..GROUPS.len(), 0..NAMES.len());
    let finds = prop::option::of(prop::sample::select(NAMES.to_vec()));
    let failing_starts: [&[usize]; 5] = [&[], &[], &[1], &[2], &[2, 3, 5]];
    let failing_starts = prop::sample::select(failing_starts.to_vec());
    let plan = (prop::option::of(0..4u8), finds, failing_starts)
        .prop_map(|(socket, finds, failing_starts)| Plan { socket, finds, failing_starts });
    let place = (group.clone(), name);
    prop_oneof![
        4 => (place.clone(), plan.clone()).prop_map(|((g, n), plan)| Step::Add(g, n, plan)),
        2 => (place.clone(), plan).prop_map(|((g, n), plan)| Step::Replace(g, n, plan)),
        2 => place.clone().prop_map(|(g, n)| Step::Remove(g, n)),
        2 => (place.clone(), group).prop_map(|((g, n), to)| Step::Move(g, n, to)),
        2 => place.clone().prop_map(|(g, n)| Step::Restart(g, n)),
        1 => (1..GROUPS.len()).prop_map(Step::RestartGroup),
        2 => place.prop_map(|(g, n)| Step::Fail(g, n)),
    ]
}

/// The tree, and what it should be.
struct World {
    application: Application,
    sockets: Sockets,
    /// By path: the plan, and the instance.
    model: BTreeMap<ServicePath, (Plan, Shown)>,
    /// The names in each group, in order.
    order: BTreeMap<ServicePath, Vec<&'static str>>,
    instances: AtomicUsize,
}

fn group_path(group: usize) -> ServicePath {
    GROUPS[group].parse().unwrap()
}

impl World {
    async fn new() -> Self {
        let mut application = Application::new("test");
        let (sockets, resources) = (Sockets::new(), Resources::new());
        sockets.lend(&resources);
        for group in &GROUPS[1..] {
            let service = Managed::new(MultiService::new()).restart(Restart::on_failure());
            application.add(*group, service).unwrap();
        }
        application.privileged_start(&resources).unwrap();
        application.start(&resources, Workers::current()).await.unwrap();
        let order = (0..GROUPS.len()).map(|group| (group_path(group), Vec::new())).collect();
        let (model, instances) = Default::default();
        Self { application, sockets, model, order, instances }
    }

    fn service(&self, plan: &Plan) -> (Managed, Shown) {
        let instance = self.instances.fetch_add(1, Ordering::Relaxed);
        let shown = Shown { instance, ..Shown::default() };
        let plan = plan.clone();
        let service = Planned { plan, starts: 0, shown: shown.clone(), socket: None };
        (Managed::new(service).restart(Restart::on_failure()), shown)
    }

    /// What a service at this path finds.
    fn resolve(&self, path: &ServicePath, name: &str) -> Option<ServicePath> {
        let around = std::iter::successors(path.parent(), ServicePath::parent);
        around.map(|group| group.child(name)).find(|found| self.model.contains_key(found))
    }

    fn is_free(&self, path: &ServicePath, plan: &Plan) -> bool {
        let takes = |(other, (its, _)): (&ServicePath, &(Plan, Shown))| {
            other != path && its.socket == plan.socket
        };
        plan.socket.is_none() || !self.model.iter().any(takes)
    }

    /// Whether a service can start there that is none yet, but can be found.
    fn can_start(&mut self, path: &ServicePath, plan: &Plan) -> bool {
        let before = self.model.insert(path.clone(), (plan.clone(), Shown::default()));
        let finds = plan.finds.is_none_or(|name| self.resolve(path, name).is_some());
        match before {
            Some(before) => _ = self.model.insert(path.clone(), before),
            None => _ = self.model.remove(path),
        }
        finds && !plan.failing_starts.contains(&1) && self.is_free(path, plan)
    }

    /// Whether others have found the service, as they still hold it.
    fn is_found(&self, path: &ServicePath) -> bool {
        let instance = self.model[path].1.instance;
        self.model.iter().any(|(other, (_, shown))| {
            let found = shown.found.lock().unwrap();
            other != path && found.as_ref().is_some_and(|found| found.instance == instance)
        })
    }

    async fn add(&mut self, group: usize, name: usize, plan: &Plan) {
        let path = group_path(group).child(NAMES[name]);
        let expected = !self.model.contains_key(&path) && self.can_start(&path, plan);
        let (service, shown) = self.service(plan);
        let added = self.application.tree().add(&group_path(group), NAMES[name], service).await;
        assert_eq!(added.is_ok(), expected, "adding {path}: {added:?}");
        if expected {
            self.model.insert(path, (plan.clone(), shown));
            self.order.get_mut(&group_path(group)).unwrap().push(NAMES[name]);
        }
    }

    async fn remove(&mut self, path: &ServicePath) -> Option<Plan> {
        let expected = self.model.contains_key(path) && !self.is_found(path);
        let removed = self.application.tree().remove(path, IfFound::Refuse).await;
        assert_eq!(removed.is_ok(), expected, "removing {path}: {removed:?}");
        if !expected {
            return None;
        }
        let group = path.parent().unwrap();
        self.order.get_mut(&group).unwrap().retain(|name| *name != path.name());
        self.model.remove(path).map(|(plan, _)| plan)
    }

    async fn replace(&mut self, path: &ServicePath, plan: &Plan) {
        let expected = self.model.contains_key(path) && self.can_start(path, plan);
        let (service, shown) = self.service(plan);
        let replaced = self.application.tree().replace(path, service).await;
        assert_eq!(replaced.is_ok(), expected, "replacing {path}: {replaced:?}");
        if expected {
            self.model.insert(path.clone(), (plan.clone(), shown));
        }
    }

    async fn take(&mut self, step: &Step) {
        let path = |group: &usize, name: &usize| group_path(*group).child(NAMES[*name]);
        match step {
            Step::Add(group, name, plan) => self.add(*group, *name, plan).await,
            Step::Replace(group, name, plan) => self.replace(&path(group, name), plan).await,
            Step::Remove(group, name) => _ = self.remove(&path(group, name)).await,
            Step::Move(group, name, to) => {
                if let Some(plan) = self.remove(&path(group, name)).await {
                    self.add(*to, *name, &plan).await;
                }
            }
            Step::Restart(group, name) => {
                let path = path(group, name);
                let restarted = self.application.tree().restart(&path).await;
                assert!(restarted.is_err() || self.model.contains_key(&path));
            }
            Step::RestartGroup(group) => {
                // If one of its services does not start, the group's policy deals with it.
                let _ = self.application.tree().restart(&group_path(*group)).await;
            }
            Step::Fail(group, name) => {
                if let Some((_, shown)) = self.model.get(&path(group, name)) {
                    shown.fail.notify_one();
                }
            }
        }
    }

    fn check(&self) {
        self.check_paths();
        for (path, (plan, shown)) in &self.model {
            assert!(shown.runs.load(Ordering::Relaxed), "{path} does not run");
            let slot = self.application.tree().slot(path).unwrap();
            let published = slot.handle().and_then(|handle| handle.value::<Shown>()).unwrap();
            assert_eq!(published.instance, shown.instance, "{path} shows another instance");
            for name in NAMES {
                let found = slot.look_up(name).map(|found| found.path());
                assert_eq!(found, self.resolve(path, name), "{name}, looked for by {path}");
            }
            let held = shown.found.lock().unwrap();
            assert_eq!(held.is_some(), plan.finds.is_some());
            if let Some(held) = &*held {
                assert!(held.runs.load(Ordering::Relaxed), "{path} holds what does not run");
                let current = self.model.values().any(|(_, of)| of.instance == held.instance);
                assert!(current, "{path} holds what is not there any more");
            }
        }
        self.check_sockets();
    }

    fn check_paths(&self) {
        let in_group = |group: &ServicePath| -> Vec<ServicePath> {
            self.order[group].iter().map(|name| group.child(name)).collect()
        };
        let mut expected = Vec::new();
        for group in &GROUPS[1..] {
            let group: ServicePath = group.parse().unwrap();
            expected.push(group.clone());
            expected.extend(in_group(&group));
        }
        expected.extend(in_group(&ServicePath::root()));
        let reports = self.application.tree().list();
        let listed: Vec<ServicePath> = reports.iter().map(|report| report.path.clone()).collect();
        assert_eq!(listed, expected);
        assert!(reports.iter().all(|report| report.state == State::Running), "{reports:?}");
    }

    fn check_sockets(&self) {
        let open: BTreeSet<(ServicePath, String)> = self
            .sockets
            .list()
            .into_iter()
            .map(|open| (open.service, open.endpoint.to_string()))
            .collect();
        let expected: BTreeSet<(ServicePath, String)> = self
            .model
            .iter()
            .filter_map(|(path, (plan, _))| Some((path.clone(), plan.socket?)))
            .map(|(path, socket)| (path, Endpoint::Unix(name_of_socket(socket)).to_string()))
            .collect();
        assert_eq!(open, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn after_any_changes_and_failures_the_tree_is_what_a_fresh_one_would_be(
        steps in vec(step(), 1..30),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.take(step).await;
                sleep(Duration::from_secs(120)).await; // restarts are over by then
                world.check();
            }
            world.application.stop(soon()).await.unwrap();
            assert!(world.sockets.list().is_empty(), "{:?}", world.sockets.list());
        });
    }
}
