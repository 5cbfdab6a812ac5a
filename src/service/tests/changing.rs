//! Changes of a running tree, asked for by path.

use super::*;
use crate::service::{
    AddError, IfFound, Managed, Restart, ServiceFn, ServicePath, State, TreeError,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::sleep;

fn path(text: &str) -> ServicePath {
    text.parse().unwrap()
}

/// Waits to be stopped, and shows a word.
fn showing(word: &'static str) -> ServiceFn {
    ServiceFn::new(|cx| async move {
        cx.closing().await;
        Ok(())
    })
    .handle(word)
}

/// Notes the word that the service `wanted` shows, at each start.
fn reader(record: &Record, wanted: &'static str) -> ServiceFn {
    let record = record.clone();
    ServiceFn::ready_when_said(move |cx| {
        let record = record.clone();
        async move {
            record.note(format!("{} reads {}", cx.path(), cx.find::<&'static str>(wanted)?));
            cx.ready();
            cx.closing().await;
            record.note(format!("{} closed", cx.path()));
            Ok(())
        }
    })
}

async fn running<const N: usize>(services: [(&str, ServiceFn); N]) -> Application {
    let mut application = Application::new("test");
    for (name, service) in services {
        application.add(name, service).unwrap();
    }
    start(&mut application).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    application
}

fn state(application: &Application, of: &str) -> Option<State> {
    application.tree().report(&path(of)).map(|report| report.state)
}

fn listed(application: &Application) -> Vec<String> {
    application.tree().list().iter().map(|report| report.path.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn services_are_added_to_the_root_and_to_groups() {
    let mut application = running([("a", showing("a"))]).await;
    let tree = application.tree().clone();
    tree.add(&ServicePath::root(), "night", MultiService::new()).await.unwrap();
    tree.add(&path("night"), "b", showing("b")).await.unwrap();
    assert_eq!(listed(&application), ["a", "night", "night.b"]);
    assert!(application.tree().report(&path("night")).unwrap().is_group);
    let refused = tree.add(&path("a"), "c", showing("c")).await.unwrap_err();
    assert!(matches!(&refused, TreeError::NotAGroup(a) if *a == path("a")), "{refused}");
    let refused = tree.add(&path("day"), "c", showing("c")).await.unwrap_err();
    assert!(matches!(&refused, TreeError::Unknown(day) if *day == path("day")), "{refused}");
    let refused = tree.add(&path("night"), "b", showing("c")).await.unwrap_err();
    assert!(matches!(refused, TreeError::Add(AddError::Duplicate(_))), "{refused}");
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_to_start_is_not_added() {
    let mut application = running([("a", showing("a"))]).await;
    let failing = Record::default().troubled(FailsTo(Step::Start));
    let refused = application.tree().add(&ServicePath::root(), "b", failing).await.unwrap_err();
    assert_eq!(refused.to_string(), "service b could not start: out of ink");
    assert_eq!(listed(&application), ["a"]);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_is_removed_unless_others_have_found_it() {
    let record = Record::default();
    let mut application =
        running([("word", showing("rose")), ("reader", reader(&record, "word"))]).await;
    let tree = application.tree().clone();
    let refused = tree.remove(&path("word"), IfFound::Refuse).await.unwrap_err();
    assert_eq!(refused.to_string(), "the service word is in use by reader");
    tree.remove(&path("reader"), IfFound::Refuse).await.unwrap();
    tree.remove(&path("word"), IfFound::Refuse).await.unwrap();
    assert!(listed(&application).is_empty());
    assert_eq!(record.take(), ["reader reads rose", "reader closed"]);
    let unknown = tree.remove(&path("word"), IfFound::Refuse).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no service word");
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_is_in_use_if_something_in_it_has_been_found_from_outside() {
    let record = Record::default();
    let mut application = Application::new("test");
    let (outer, inner) = (MultiService::new(), MultiService::new());
    outer.add("word", showing("rose")).unwrap();
    inner.add("reader", reader(&record, "word")).unwrap();
    outer.add("inner", inner).unwrap();
    application.add("outer", outer).unwrap();
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    let refused = tree.stop(&path("outer.word"), IfFound::Refuse).await.unwrap_err();
    assert!(matches!(&refused, TreeError::InUse { by, .. } if *by == [path("outer.inner.reader")]));
    tree.remove(&path("outer"), IfFound::Refuse).await.unwrap();
    assert!(listed(&application).is_empty());
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_is_stopped_until_it_is_started_even_if_its_group_is_restarted() {
    let record = Record::default();
    let mut application = Application::new("test");
    let group = MultiService::new();
    group.add("a", record.service()).unwrap();
    group.add("b", record.service()).unwrap();
    application.add("group", group).unwrap();
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    tree.stop(&path("group.a"), IfFound::Refuse).await.unwrap();
    assert_eq!(state(&application, "group.a"), Some(State::Stopped));
    record.take();
    tree.restart(&path("group")).await.unwrap();
    let told = record.take();
    assert!(told.contains(&"start group.b".into()), "{told:?}");
    assert!(!told.contains(&"start group.a".into()), "{told:?}");
    tree.start(&path("group.a")).await.unwrap();
    tree.start(&path("group.a")).await.unwrap(); // it runs already
    assert_eq!(record.take(), ["prepare group.a", "start group.a"]);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_has_found_a_service_finds_the_one_that_replaces_it() {
    let record = Record::default();
    let mut application = running([
        ("word", showing("rose")),
        ("reader", reader(&record, "word")),
        ("bystander", showing("x")),
    ])
    .await;
    application.tree().replace(&path("word"), showing("lily")).await.unwrap();
    assert_eq!(record.take(), ["reader reads rose", "reader closed", "reader reads lily"]);
    assert_eq!(listed(&application), ["word", "reader", "bystander"]);
    application.stop(soon()).await.unwrap();
}

/// Whoever has found a service that is restarted for this reason is restarted, too.
#[tokio::test(start_paused = true)]
async fn a_replacement_reaches_those_who_have_found_it_by_way_of_others() {
    let record = Record::default();
    let mut application = running([
        ("word", showing("rose")),
        ("middle", reader(&record, "word").handle("middle")),
        ("far", reader(&record, "middle")),
    ])
    .await;
    record.take();
    application.tree().replace(&path("word"), showing("lily")).await.unwrap();
    let expected = ["far closed", "middle closed", "middle reads lily", "far reads middle"];
    assert_eq!(record.take(), expected);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_has_found_it_and_has_finished_does_not_run_again() {
    let record = Record::default();
    let noted = record.clone();
    let once = ServiceFn::new(move |cx| {
        let record = noted.clone();
        async move {
            record.note(cx.find::<&'static str>("word")?);
            Ok(())
        }
    });
    let mut application = running([("word", showing("rose")), ("once", once)]).await;
    application.tree().replace(&path("word"), showing("lily")).await.unwrap();
    assert_eq!(
        (record.take(), state(&application, "once")),
        (vec!["rose".to_owned()], Some(State::Finished))
    );
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn if_the_replacement_fails_to_start_the_old_one_is_back() {
    let record = Record::default();
    let mut application =
        running([("word", showing("rose")), ("reader", reader(&record, "word"))]).await;
    record.take();
    let failing = Record::default().troubled(FailsTo(Step::Start)).shows("lily");
    let error = application.tree().replace(&path("word"), failing).await.unwrap_err();
    assert_eq!(error.to_string(), "service word could not start: out of ink");
    assert_eq!(record.take(), ["reader closed", "reader reads rose"]);
    assert_eq!(state(&application, "word"), Some(State::Running));
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_is_repeated_as_the_policy_says_and_else_the_service_stays_failed() {
    for (restart, expected) in
        [(Restart::never(), State::Failed), (Restart::on_failure(), State::Running)]
    {
        let starts: Arc<AtomicUsize> = Arc::default();
        let counted = starts.clone();
        let service = ServiceFn::ready_when_said(move |cx| {
            let start = counted.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                if start == 2 {
                    return Err("out of ink".into());
                }
                cx.ready();
                cx.closing().await;
                Ok(())
            }
        });
        let mut application = Application::new("test");
        application.add("a", Managed::new(service).restart(restart)).unwrap();
        start(&mut application).await.unwrap();
        let error = application.tree().restart(&path("a")).await.unwrap_err();
        assert_eq!(error.to_string(), "service a could not start: out of ink");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(state(&application, "a"), Some(expected));
        let failure = tokio::time::timeout(Duration::ZERO, application.failure()).await;
        assert!(failure.is_err(), "the application goes on");
        application.tree().start(&path("a")).await.unwrap();
        assert_eq!(state(&application, "a"), Some(State::Running));
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_can_restart_and_remove_itself() {
    let record = Record::default();
    let noted = record.clone();
    let service = ServiceFn::new(move |cx| {
        let record = noted.clone();
        async move {
            record.note("begins");
            let runs = cx.counter("runs", "How often it has run.");
            runs.add(1);
            let (tree, own) = (cx.tree().clone(), cx.path().clone());
            match runs.get() {
                1 => drop(tokio::spawn(async move { tree.restart(&own).await })),
                _ => drop(tokio::spawn(async move { tree.remove(&own, IfFound::Refuse).await })),
            }
            cx.closing().await;
            Ok(())
        }
    });
    let mut application = running([("a", service)]).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(record.take(), ["begins", "begins"]);
    assert!(listed(&application).is_empty());
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_changed_in_an_application_that_does_not_run() {
    let mut application = Application::new("test");
    application.add("a", showing("a")).unwrap();
    let add = || async { application.tree().add(&ServicePath::root(), "b", showing("b")).await };
    assert!(matches!(add().await, Err(TreeError::NotRunning)));
    let mut application = running([("a", showing("a"))]).await;
    application.stop(soon()).await.unwrap();
    let again = application.tree().restart(&path("a")).await.unwrap_err();
    assert!(matches!(again, TreeError::GroupNotRunning(_)), "{again}");
}

/// A start of a child may ask for changes of its own group, but does not get them before the group runs.
#[tokio::test(start_paused = true)]
async fn a_change_of_a_group_that_is_starting_is_refused_and_does_not_hang() {
    let record = Record::default();
    let noted = record.clone();
    let asking = ServiceFn::ready_when_said(move |cx| {
        let record = noted.clone();
        async move {
            let added = cx.tree().add(&ServicePath::root(), "b", showing("b")).await;
            record.note(added.unwrap_err().to_string());
            cx.ready();
            cx.closing().await;
            Ok(())
        }
    });
    let mut application = running([("a", asking)]).await;
    assert_eq!(
        record.take(),
        [
            "the application is starting or stopping, or has been stopped; try again when it is running"
        ]
    );
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn settings_and_order_are_kept_whatever_is_done() {
    let mut application = Application::new("test");
    for (name, settings) in [("a", 1u8), ("b", 2), ("c", 3)] {
        let service = Managed::new(showing("x")).settings(Box::new(settings));
        application.add(name, service).unwrap();
    }
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    tree.restart(&path("a")).await.unwrap();
    tree.replace(&path("b"), Managed::new(showing("y")).settings(Box::new(20u8))).await.unwrap();
    tree.remove(&path("a"), IfFound::Refuse).await.unwrap();
    let d = Managed::new(showing("z")).settings(Box::new(4u8));
    tree.add(&ServicePath::root(), "d", d).await.unwrap();
    assert_eq!(application.services().names(), ["b", "c", "d"]);
    assert_eq!(listed(&application), ["b", "c", "d"]);
    for (name, settings) in [("b", 20u8), ("c", 3), ("d", 4)] {
        assert!(application.services().settings(name).unwrap().same_as(&settings), "{name}");
    }
    application.stop(soon()).await.unwrap();
}
