//! Changes of a running tree into another one.

use super::*;
use crate::service::{Managed, ReloadError, ReloadMode, ReloadReport, ServicePath, State, Update};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Bounds a hang.
const HANG_LIMIT: Duration = Duration::from_secs(3600);

/// A service that notes what is asked of it, with a number that tells instances apart.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) record: Record,
    pub(super) number: u32,
    /// What it finds when it starts.
    pub(super) finds: Vec<&'static str>,
    pub(super) is_exclusive: bool,
    pub(super) trouble: Trouble,
    /// Its reload changes this into the number of calls.
    pub(super) updates: bool,
    /// What it waits for in its stop.
    pub(super) ends: Option<Arc<Notify>>,
    pub(super) path: String,
}

impl Part {
    fn note(&self, what: &str) {
        self.record.note(format!("{what} {} {}", self.path, self.number));
    }
}

#[async_trait]
impl Service for Part {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        self.path = cx.path().to_string();
        if self.trouble == FailsTo(Step::PrivilegedStart) { Err("no port")? } else { Ok(()) }
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.path = cx.path().to_string();
        for name in &self.finds {
            let found = cx.find::<u32>(name)?;
            self.record.note(format!("{} {} finds {name} {found}", self.path, self.number));
        }
        self.note("start");
        match self.trouble {
            HangsIn(Step::Start) => std::future::pending().await,
            FailsTo(Step::Start) => return Err("out of ink".into()),
            FailsTo(Step::Run) => cx.fail("broken"),
            _ => {}
        }
        let (gate, part) = (cx.clone(), self.clone());
        cx.spawn(async move {
            gate.all_started().await;
            part.note("open");
            Ok(())
        });
        Ok(())
    }

    fn close(&mut self) {
        self.note("close");
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some(ends) = &self.ends
            && tokio::time::timeout_at(deadline, ends.notified()).await.is_err()
        {
            self.note("cut");
        }
        self.note("stop");
        Ok(())
    }

    async fn reload(&mut self, _: &Context) -> Result<Update, BoxError> {
        if self.trouble == FailsTo(Step::Reload) {
            return Err("no paper".into());
        }
        if !self.updates {
            return Ok(Update::none());
        }
        let part = self.clone();
        Ok(Update::new("new text", move || part.note("update")))
    }

    fn handle(&self) -> Option<Handle> {
        Some(Handle::new(self.number))
    }

    fn may_overlap(&self) -> bool {
        !self.is_exclusive
    }
}

/// Makes services that all write to one record.
#[derive(Clone, Default)]
pub(super) struct Maker {
    pub(super) record: Record,
}

impl Maker {
    pub(super) fn part(&self, number: u32) -> Part {
        Part {
            record: self.record.clone(),
            number,
            finds: Vec::new(),
            is_exclusive: false,
            trouble: Trouble::None,
            updates: false,
            ends: None,
            path: String::new(),
        }
    }

    pub(super) fn user(&self, number: u32, finds: &[&'static str]) -> Part {
        Part { finds: finds.to_vec(), ..self.part(number) }
    }
}

/// The number counts as the settings.
pub(super) fn managed(part: Part) -> Managed {
    let settings = Box::new(part.number);
    Managed::new(part).settings(settings)
}

pub(super) fn tree<const N: usize>(services: [(&str, Managed); N]) -> Application {
    let application = Application::new("test");
    for (name, service) in services {
        application.services().add(name, service).unwrap();
    }
    application
}

pub(super) fn group_of<const N: usize>(services: [(&str, Managed); N]) -> Managed {
    let group = MultiService::new();
    for (name, service) in services {
        group.add(name, service).unwrap();
    }
    Managed::new(group)
}

pub(super) async fn started(mut application: Application) -> Application {
    start(&mut application).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    application
}

pub(super) async fn reload(
    running: &Application,
    new: Application,
) -> Result<ReloadReport, ReloadError> {
    let report = running.tree().reload(new, ReloadMode::Change);
    let report = timeout(HANG_LIMIT, report).await.expect("the reload hangs");
    sleep(Duration::from_millis(1)).await;
    report
}

pub(super) fn paths(of: &[ServicePath]) -> Vec<&str> {
    of.iter().map(ServicePath::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_the_same_is_kept_and_the_rest_is_replaced_added_or_removed() {
    let m = Maker::default();
    let part = |number| managed(m.part(number));
    let mut running = started(tree([("a", part(1)), ("b", part(2)), ("c", part(3))])).await;
    m.record.take();
    let new = tree([("d", part(4)), ("a", part(1)), ("b", part(5))]);
    let report = reload(&running, new).await.unwrap();
    assert_eq!((report.kept, paths(&report.replaced)), (1, vec!["b"]));
    assert_eq!((paths(&report.added), paths(&report.removed)), (vec!["d"], vec!["c"]));
    assert_eq!(
        m.record.take(),
        [
            "start d 4",
            "start b 5",
            "close c 3",
            "close b 2",
            "open d 4",
            "open b 5",
            "stop b 2",
            "stop c 3"
        ]
    );
    let listed: Vec<String> =
        running.tree().list().iter().map(|service| service.path.to_string()).collect();
    assert_eq!(listed, ["d", "a", "b"]);
    running.stop(soon()).await.unwrap();
    assert_eq!(m.record.take().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_found_a_service_that_is_replaced_is_replaced_too() {
    let m = Maker::default();
    let with_poem = |poem| {
        let user = managed(m.user(2, &["poem"]));
        let other = managed(m.user(3, &["user"]));
        tree([
            ("poem", managed(m.part(poem))),
            ("user", user),
            ("other", other),
            ("last", managed(m.part(9))),
        ])
    };
    let mut running = started(with_poem(1)).await;
    m.record.take();
    let report = reload(&running, with_poem(7)).await.unwrap();
    assert_eq!((paths(&report.replaced), report.kept), (vec!["poem", "user", "other"], 1));
    let record = m.record.take();
    assert!(record.contains(&"user 2 finds poem 7".into()), "{record:?}");
    let position = |entry: &str| record.iter().position(|other| other == entry).unwrap();
    assert!(position("stop other 3") < position("close user 2"), "{record:?}");
    assert!(position("stop user 2") < position("close poem 1"), "{record:?}");
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_would_find_another_service_is_replaced() {
    let m = Maker::default();
    let user = || managed(m.user(2, &["poem"]));
    let poem = |number| managed(m.part(number));
    let mut running =
        started(tree([("poem", poem(1)), ("night", group_of([("user", user())]))])).await;
    m.record.take();
    let shadowed =
        tree([("poem", poem(1)), ("night", group_of([("poem", poem(3)), ("user", user())]))]);
    let report = reload(&running, shadowed).await.unwrap();
    assert_eq!(
        (paths(&report.replaced), paths(&report.added)),
        (vec!["night.user"], vec!["night.poem"])
    );
    assert!(m.record.take().contains(&"night.user 2 finds poem 3".into()));
    let unshadowed = tree([("poem", poem(1)), ("night", group_of([("user", user())]))]);
    let report = reload(&running, unshadowed).await.unwrap();
    assert_eq!(
        (paths(&report.replaced), paths(&report.removed)),
        (vec!["night.user"], vec!["night.poem"])
    );
    assert!(m.record.take().contains(&"night.user 2 finds poem 1".into()));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn groups_are_changed_in_place_added_and_removed() {
    let m = Maker::default();
    let part = |number| managed(m.part(number));
    let old = tree([
        ("poem", part(1)),
        ("day", group_of([("a", part(2)), ("b", part(3))])),
        ("night", group_of([("c", managed(m.user(4, &["poem"])))])),
    ]);
    let mut running = started(old).await;
    m.record.take();
    let inner = group_of([("e", managed(m.user(6, &["poem"])))]);
    let new = tree([
        ("poem", part(1)),
        ("day", group_of([("b", part(3)), ("d", part(5))])),
        ("dawn", group_of([("inner", inner)])),
    ]);
    let report = reload(&running, new).await.unwrap();
    assert_eq!(paths(&report.added), ["day.d", "dawn.inner.e"]);
    assert_eq!(paths(&report.removed), ["day.a", "night.c"]);
    let states: Vec<(String, State)> =
        running.tree().list().iter().map(|s| (s.path.to_string(), s.state)).collect();
    let expected = ["poem", "day", "day.b", "day.d", "dawn", "dawn.inner", "dawn.inner.e"];
    assert_eq!(states, expected.map(|path| (path.to_owned(), State::Running)));
    running.tree().restart(&"dawn.inner.e".parse().unwrap()).await.unwrap();
    m.record.take();
    running.close();
    running.stop(soon()).await.unwrap();
    let record = m.record.take();
    assert_eq!(record.iter().filter(|entry| entry.starts_with("stop")).count(), 4, "{record:?}");
    assert_eq!(record.last().unwrap(), "stop poem 1");
}

#[tokio::test(start_paused = true)]
async fn if_anything_fails_the_tree_is_as_it_was() {
    let steps = [FailsTo(Step::PrivilegedStart), FailsTo(Step::Start), FailsTo(Step::Run)];
    for trouble in steps {
        let m = Maker::default();
        let old = || tree([("a", managed(m.part(1))), ("b", managed(m.part(2)))]);
        let mut running = started(old()).await;
        m.record.take();
        let failing = Part { trouble, ..m.part(4) };
        let last = Part { trouble: HangsIn(Step::Start), ..m.part(5) };
        let new = tree([("b", managed(m.part(3))), ("c", managed(failing)), ("d", managed(last))]);
        let failed = reload(&running, new).await.unwrap_err();
        assert!(matches!(&failed, ReloadError::Service(e) if e.path.as_str() == "c"), "{failed}");
        let record = m.record.take();
        assert!(
            !record.iter().any(|entry| entry.contains(" 1") || entry.contains(" 2")),
            "{record:?}"
        );
        assert!(!record.iter().any(|entry| entry.starts_with("open")), "{record:?}");
        let count = |what: &str| record.iter().filter(|entry| entry.starts_with(what)).count();
        assert!(count("start") >= count("stop"), "{record:?}");
        let report = reload(&running, old()).await.unwrap();
        assert!(report.is_empty() && report.kept == 2);
        running.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_may_change_and_changes_only_if_nothing_fails() {
    let m = Maker::default();
    let with = |trouble| {
        let changing = Part { updates: true, ..m.part(1) };
        tree([("a", managed(changing)), ("b", managed(Part { trouble, ..m.part(2) }))])
    };
    let mut running = started(with(FailsTo(Step::Reload))).await;
    m.record.take();
    let failed = reload(&running, with(Trouble::None)).await.unwrap_err();
    assert_eq!(failed.to_string(), "service b could not prepare the reload: no paper");
    assert_eq!(m.record.take(), Vec::<String>::new());
    running.stop(soon()).await.unwrap();

    let mut running = started(with(Trouble::None)).await;
    m.record.take();
    let dry = running.tree().reload(with(Trouble::None), ReloadMode::DryRun).await.unwrap();
    assert_eq!(m.record.take(), Vec::<String>::new());
    let report = reload(&running, with(Trouble::None)).await.unwrap();
    assert_eq!(dry, report);
    assert_eq!(report.updated, [("a".parse().unwrap(), "new text".to_owned())]);
    assert_eq!((report.kept, m.record.take()), (2, vec!["update a 1".to_owned()]));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_that_may_not_overlap_never_run_at_the_same_time() {
    let m = Maker::default();
    let with_store = |store, trouble| {
        let store = Part { is_exclusive: true, trouble, ..m.part(store) };
        let user = managed(m.user(2, &["store"]));
        tree([("free", managed(m.part(1))), ("store", managed(store)), ("user", user)])
    };
    let mut running = started(with_store(5, Trouble::None)).await;
    m.record.take();
    let failed = reload(&running, with_store(6, FailsTo(Step::Start))).await.unwrap_err();
    assert_eq!(failed.to_string(), "service store could not start: out of ink");
    assert_eq!(
        m.record.take(),
        [
            "close user 2",
            "stop user 2",
            "close store 5",
            "stop store 5",
            "start store 6",
            "close user 2",
            "start store 5",
            "user 2 finds store 5",
            "start user 2",
            "open store 5",
            "open user 2"
        ]
    );
    reload(&running, with_store(7, Trouble::None)).await.unwrap();
    assert_eq!(
        m.record.take(),
        [
            "close user 2",
            "stop user 2",
            "close store 5",
            "stop store 5",
            "start store 7",
            "user 2 finds store 7",
            "start user 2",
            "open store 7",
            "open user 2"
        ]
    );
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_interrupts_a_reload() {
    let m = Maker::default();
    let mut running = started(tree([("a", managed(m.part(1)))])).await;
    m.record.take();
    let hanging = Part { trouble: HangsIn(Step::Start), ..m.part(3) };
    let new = tree([("a", managed(m.part(2))), ("b", managed(hanging))]);
    let tree = running.tree().clone();
    let reloading = tokio::spawn(async move { tree.reload(new, ReloadMode::Change).await });
    sleep(Duration::from_millis(1)).await;
    assert_eq!(m.record.take(), ["start a 2", "start b 3"]);
    running.close();
    timeout(HANG_LIMIT, running.stop(soon())).await.unwrap().unwrap();
    assert!(matches!(reloading.await.unwrap(), Err(ReloadError::Stopped)));
    let mut record = m.record.take();
    record.retain(|entry| entry.starts_with("stop"));
    record.sort();
    assert_eq!(record, ["stop a 1", "stop a 2", "stop b 3"]);
}
