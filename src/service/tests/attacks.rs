//! Changes, failures and stops that cross each other, and callbacks that misbehave.

use super::*;
use crate::service::{IfFound, Managed, Restart, ServiceFn, ServicePath, State, TreeError};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn path(text: &str) -> ServicePath {
    text.parse().unwrap()
}

fn state(application: &Application, of: &str) -> Option<State> {
    application.tree().report(&path(of)).map(|report| report.state)
}

fn listed(application: &Application) -> Vec<String> {
    application.tree().list().iter().map(|report| report.path.to_string()).collect()
}

/// Finds what is called `finds`, and takes `slow` to stop.
fn noted(record: &Record, finds: &'static [&'static str], slow: Duration) -> ServiceFn {
    let record = record.clone();
    ServiceFn::ready_when_said(move |cx| {
        let record = record.clone();
        async move {
            for name in finds {
                cx.find::<&'static str>(name)?;
            }
            record.note(format!("start {}", cx.path()));
            cx.ready();
            cx.closing().await;
            sleep(slow).await;
            record.note(format!("stop {}", cx.path()));
            Ok(())
        }
    })
    .handle("shown")
}

/// Fails a second after each of its starts.
fn failing() -> ServiceFn {
    ServiceFn::new(|_| async {
        sleep(SECOND).await;
        Err("out of ink".into())
    })
}

/// Starts at once in its first run; a later start does what `then` says, for ever.
struct Later(usize, Then);

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Hangs,
    FailsToPrepare,
    FailsToStart,
}

#[async_trait]
impl Service for Later {
    fn privileged_start(&mut self, _: &PrivilegedContext) -> Result<(), BoxError> {
        let fails = self.0 > 0 && self.1 == Then::FailsToPrepare;
        if fails { Err("out of paper".into()) } else { Ok(()) }
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.0 += 1;
        if self.0 == 1 {
            cx.spawn(async {
                sleep(SECOND).await;
                Err("out of ink".into())
            });
            return Ok(());
        }
        match self.1 {
            Then::Hangs => std::future::pending().await,
            _ => Err("out of paper".into()),
        }
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_again_by_a_change_after_the_application_has_stopped() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("word", noted(&record, &[], 5 * SECOND)).unwrap();
    application.add("reader", noted(&record, &["word"], Duration::ZERO)).unwrap();
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    let new = noted(&record, &[], Duration::ZERO);
    let change = tokio::spawn(async move { tree.replace(&path("word"), new).await });
    sleep(SECOND).await; // the reader has stopped, and the word is about to
    application.close();
    application.stop(soon()).await.unwrap();
    sleep(10 * SECOND).await;
    let refused = change.await.unwrap().unwrap_err();
    assert!(matches!(refused, TreeError::GroupNotRunning(_)), "{refused}");
    assert_eq!(record.take(), ["start word", "start reader", "stop reader", "stop word"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_restart_hangs_can_be_stopped_restarted_and_replaced_by_its_path() {
    for change in ["stop", "restart", "replace"] {
        let mut application = Application::new("test");
        let hanging = Managed::new(Later(0, Then::Hangs)).restart(Restart::on_failure());
        application.add("a", hanging).unwrap();
        start(&mut application).await.unwrap();
        sleep(2 * SECOND).await;
        assert_eq!(state(&application, "a"), Some(State::Starting));
        let tree = application.tree();
        let new = || noted(&Record::default(), &[], Duration::ZERO);
        let changed = timeout(5 * SECOND, async {
            match change {
                "stop" => tree.stop(&path("a"), IfFound::Refuse).await,
                "restart" => {
                    tokio::spawn({
                        let tree = tree.clone();
                        async move { tree.restart(&path("a")).await }
                    });
                    sleep(SECOND).await; // it hangs again
                    tree.replace(&path("a"), new()).await
                }
                _ => tree.replace(&path("a"), new()).await,
            }
        });
        changed.await.unwrap_or_else(|_| panic!("{change} hangs")).unwrap();
        let expected = if change == "stop" { State::Stopped } else { State::Running };
        assert_eq!(state(&application, "a"), Some(expected), "{change}");
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_waits_for_its_restart_and_is_stopped_waits_no_longer() {
    for whole in [true, false] {
        let mut application = Application::new("test");
        let mut restart = Restart::on_failure();
        restart.delay = 30 * SECOND;
        application.add("a", Managed::new(failing()).restart(restart)).unwrap();
        start(&mut application).await.unwrap();
        sleep(2 * SECOND).await;
        assert_eq!(state(&application, "a"), Some(State::Waiting));
        if whole {
            application.stop(soon()).await.unwrap();
        } else {
            application.tree().stop(&path("a"), IfFound::Refuse).await.unwrap();
        }
        let report = application.tree().report(&path("a")).unwrap();
        assert_eq!((report.state, report.next_start), (State::Stopped, None));
    }
}

#[tokio::test(start_paused = true)]
async fn why_a_restart_by_path_has_failed_is_told_whatever_step_it_was() {
    for then in [Then::FailsToPrepare, Then::FailsToStart] {
        for restart in [Restart::never(), Restart::on_failure()] {
            let mut application = Application::new("test");
            application.add("a", Managed::new(Later(0, then)).restart(restart)).unwrap();
            start(&mut application).await.unwrap();
            application.tree().restart(&path("a")).await.unwrap_err();
            sleep(Duration::from_millis(50)).await;
            let failure = application.tree().report(&path("a")).unwrap().failure;
            assert_eq!(failure.as_deref(), Some("service a could not start: out of paper"));
            application.stop(soon()).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn children_that_fail_together_are_one_failure_of_their_group() {
    let mut application = Application::new("test");
    let (group, starts) = (MultiService::new(), Arc::new(AtomicUsize::new(0)));
    for name in ["a", "b", "c", "d"] {
        let starts = starts.clone();
        let failing_once = ServiceFn::new(move |cx| {
            let start = starts.fetch_add(1, Ordering::Relaxed);
            async move {
                if start >= 4 {
                    cx.closing().await;
                    return Ok(());
                }
                sleep(SECOND).await;
                Err("out of ink".into())
            }
        });
        group.add(name, failing_once).unwrap();
    }
    let mut restart = Restart::on_failure();
    restart.limit = Some(1);
    application.add("night", Managed::new(group).restart(restart)).unwrap();
    start(&mut application).await.unwrap();
    let failure = timeout(10 * SECOND, application.failure()).await;
    assert!(failure.is_err(), "{failure:?}");
    assert_eq!(starts.load(Ordering::Relaxed), 8);
    assert_eq!(state(&application, "night"), Some(State::Running));
    application.stop(soon()).await.unwrap();
}

/// Holds a group that the tree does not know of.
struct Private(MultiService);

#[async_trait]
impl Service for Private {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.0.start(&cx.child("inside")).await
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        self.0.stop(deadline).await
    }
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_service_that_another_one_has_for_itself_is_the_failure_of_that_one() {
    for restart in [Restart::never(), Restart::on_failure()] {
        let mut application = Application::new("test");
        let group = MultiService::new();
        group.add("a", failing()).unwrap();
        let is_restarted = restart != Restart::never();
        application.add("outside", Managed::new(Private(group)).restart(restart)).unwrap();
        start(&mut application).await.unwrap();
        let failure = timeout(10 * SECOND, application.failure()).await;
        let failure = failure.ok().map(|failure| failure.to_string());
        let expected = "service outside.inside.a failed: out of ink";
        assert_eq!(failure.as_deref(), (!is_restarted).then_some(expected));
        let restarts = application.tree().report(&path("outside")).unwrap().restarts;
        assert_eq!(restarts > 0, is_restarted);
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_replaces_another_has_its_own_services_only() {
    let record = Record::default();
    let group = |names: [&'static str; 2]| {
        let group = MultiService::new();
        for name in names {
            group.add(name, noted(&record, &[], Duration::ZERO)).unwrap();
        }
        group
    };
    let mut application = Application::new("test");
    application.add("night", group(["a", "b"])).unwrap();
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    tree.replace(&path("night"), group(["b", "c"])).await.unwrap();
    assert_eq!(listed(&application), ["night", "night.b", "night.c"]);
    let failing = group(["d", "e"]);
    failing.add("f", record.troubled(FailsTo(Step::Start))).unwrap();
    tree.replace(&path("night"), failing).await.unwrap_err();
    assert_eq!(listed(&application), ["night", "night.b", "night.c"]);
    tree.replace(&path("night"), noted(&record, &[], Duration::ZERO)).await.unwrap();
    assert_eq!(listed(&application), ["night"]);
    assert!(!application.tree().report(&path("night")).unwrap().is_group);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_by_its_path_stays_stopped_when_it_or_its_group_is_replaced() {
    let record = Record::default();
    let new = || noted(&record, &[], Duration::ZERO);
    let mut application = Application::new("test");
    let group = || {
        let group = MultiService::new();
        group.add("b", new()).unwrap();
        group
    };
    application.add("a", new()).unwrap();
    application.add("night", group()).unwrap();
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    tree.stop(&path("a"), IfFound::Refuse).await.unwrap();
    tree.stop(&path("night.b"), IfFound::Refuse).await.unwrap();
    record.take();
    tree.replace(&path("a"), new()).await.unwrap();
    tree.replace(&path("night"), group()).await.unwrap();
    assert!(record.take().is_empty());
    tree.start(&path("a")).await.unwrap();
    tree.start(&path("night.b")).await.unwrap();
    assert_eq!(record.take(), ["start a", "start night.b"]);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_a_group_too_all_that_depend_on_one_that_never_stops_are_stopped() {
    let record = Record::default();
    let mut application = Application::new("test");
    let (outer, inner) = (MultiService::new(), MultiService::new());
    inner.add("store", noted(&record, &[], Duration::from_millis(100))).unwrap();
    inner.add("hangs", Hangs).unwrap();
    outer.add("inner", inner).unwrap();
    application.add("outer", outer).unwrap();
    start(&mut application).await.unwrap();
    let deadline = soon();
    application.close();
    let errors = application.stop(deadline).await.unwrap_err();
    let expected =
        "service outer.inner.hangs did not stop cleanly: it had not stopped at the deadline";
    assert_eq!(errors.to_string(), expected);
    assert_eq!(record.take(), ["start outer.inner.store", "stop outer.inner.store"]);
    assert!(Instant::now() <= deadline + Duration::from_millis(2500));
}

/// Has found the store, and never comes back from its stop.
struct Hangs;

#[async_trait]
impl Service for Hangs {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        cx.find::<&'static str>("store")?;
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_part_of_a_service_has_found_is_found_by_the_service() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("store", noted(&record, &[], Duration::ZERO)).unwrap();
    let parted = ServiceFn::ready_when_said(|cx| async move {
        let part = cx.child("part");
        part.find::<&'static str>("store")?;
        cx.ready();
        cx.closing().await;
        drop(part);
        Ok(())
    });
    application.add("parted", parted).unwrap();
    start(&mut application).await.unwrap();
    let refused = application.tree().stop(&path("store"), IfFound::Refuse).await.unwrap_err();
    assert!(
        matches!(&refused, TreeError::InUse { by, .. } if *by == [path("parted")]),
        "{refused}"
    );
    let begin = Instant::now();
    application.close();
    application.stop(soon()).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO, "nobody else is waited for");
}

#[tokio::test(start_paused = true)]
async fn a_tree_of_services_that_are_started_by_hand_refuses_changes() {
    let (cx, _failures) = Context::root(Resources::new(), Workers::current());
    let refused = timeout(SECOND, cx.tree().restart(&path("a"))).await.expect("hangs");
    assert!(matches!(refused, Err(TreeError::NotRunning)), "{refused:?}");
}
