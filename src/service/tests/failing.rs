//! Failures and panics: who is blamed, and what happens to the others.

use super::*;

/// `a`, a group `night` with `b`, the troubled `c` and `d`, and then `e`.
fn troubled(record: &Record, trouble: Trouble) -> Application {
    let mut application = application([("a", record.service())]);
    let night = [("b", record.service()), ("c", record.troubled(trouble)), ("d", record.service())];
    application.add("night", group(night)).unwrap();
    application.add("e", record.service()).unwrap();
    application
}

#[tokio::test]
async fn a_failed_start_stops_the_elder_siblings_in_reverse() {
    let record = Record::default();
    let mut application = troubled(&record, FailsTo(Step::Start));
    let error = start(&mut application).await.unwrap_err();
    assert_eq!(error.to_string(), "service night.c could not start: out of ink");
    assert_eq!((error.path.as_str(), error.step), ("night.c", Step::Start));
    let expected = [
        "start a",
        "start night.b",
        "start night.c",
        "close night.b",
        "stop night.b",
        "stopped night.b",
        "close a",
        "stop a",
        "stopped a",
    ];
    assert_eq!(record.take(), expected);
    assert!(!application.services().running());
}

#[tokio::test]
async fn after_a_failed_start_there_is_nothing_left_to_stop() {
    let record = Record::default();
    let mut application = troubled(&record, FailsTo(Step::Start));
    start(&mut application).await.unwrap_err();
    record.take();
    application.close();
    application.stop(soon()).await.unwrap();
    assert!(record.take().is_empty());
}

#[tokio::test]
async fn those_whose_turn_to_start_never_came_are_only_closed() {
    let record = Record::default();
    let mut application = troubled(&record, FailsTo(Step::Start));
    application.privileged_start(&Resources::new()).unwrap();
    start(&mut application).await.unwrap_err();
    let mut later = record.take();
    later.retain(|entry| entry.ends_with(" night.d") || entry.ends_with(" e"));
    assert_eq!(later, ["prepare night.d", "prepare e", "close night.d", "close e"]);
}

/// A failed service gives back what it took by itself.
#[tokio::test]
async fn the_one_that_failed_to_start_is_neither_closed_nor_stopped() {
    let record = Record::default();
    let mut application = troubled(&record, FailsTo(Step::Start));
    application.privileged_start(&Resources::new()).unwrap();
    start(&mut application).await.unwrap_err();
    let mut failed = record.take();
    failed.retain(|entry| entry.ends_with(" night.c"));
    assert_eq!(failed, ["prepare night.c", "start night.c"]);
}

#[test]
fn a_failed_privileged_start_goes_no_further() {
    let record = Record::default();
    let mut application = troubled(&record, FailsTo(Step::PrivilegedStart));
    let error = application.privileged_start(&Resources::new()).unwrap_err();
    assert_eq!(error.to_string(), "service night.c could not start: out of ink");
    assert_eq!(error.step, Step::PrivilegedStart);
    assert_eq!(record.take(), ["prepare a", "prepare night.b", "prepare night.c"]);
}

#[test]
fn a_panic_in_the_privileged_start_is_that_service_s_failure() {
    let mut application = troubled(&Record::default(), PanicsIn(Step::PrivilegedStart));
    let error = application.privileged_start(&Resources::new()).unwrap_err();
    assert_eq!(error.to_string(), "service night.c could not start: panicked: out of paper");
}

#[tokio::test]
async fn a_panic_in_the_start_stops_the_elders_and_is_that_service_s_failure() {
    let record = Record::default();
    let mut application = troubled(&record, PanicsIn(Step::Start));
    let error = start(&mut application).await.unwrap_err();
    assert_eq!(error.to_string(), "service night.c could not start: panicked: out of paper");
    assert!(record.take().ends_with(&["stop a".into(), "stopped a".into()]));
    assert!(!application.services().running());
}

#[tokio::test]
async fn a_panic_in_close_keeps_nobody_else_from_closing() {
    let record = Record::default();
    let mut application = troubled(&record, PanicsIn(Step::Close));
    start(&mut application).await.unwrap();
    record.take();
    application.close();
    assert_eq!(
        record.take(),
        ["close e", "close night.d", "close night.c", "close night.b", "close a"]
    );
    application.stop(soon()).await.unwrap();
    assert!(record.take().contains(&"stopped night.c".into()), "it is stopped nevertheless");
}

#[tokio::test]
async fn a_panic_in_stop_keeps_nobody_else_from_stopping_and_is_named() {
    let record = Record::default();
    let mut application = troubled(&record, PanicsIn(Step::Stop));
    start(&mut application).await.unwrap();
    record.take();
    let errors = application.stop(soon()).await.unwrap_err();
    let expected = "service night.c did not stop cleanly: panicked: out of paper";
    assert_eq!(errors.to_string(), expected);
    let mut stopped = record.take();
    stopped.retain(|entry| entry.starts_with("stopped "));
    assert_eq!(stopped, ["stopped e", "stopped night.d", "stopped night.b", "stopped a"]);
}

#[tokio::test]
async fn every_failure_to_stop_is_named() {
    let record = Record::default();
    let mut application = troubled(&record, FailsTo(Step::Stop));
    application.add("f", record.troubled(PanicsIn(Step::Stop))).unwrap();
    start(&mut application).await.unwrap();
    let errors = application.stop(soon()).await.unwrap_err();
    let expected = "service f did not stop cleanly: panicked: out of paper; \
                    service night.c did not stop cleanly: out of ink";
    assert_eq!(errors.to_string(), expected);
}

/// The clock stands still, so that only a failure that never comes would make this wait.
async fn failure(application: &mut Application) -> ServiceError {
    tokio::time::timeout(Duration::from_secs(60), application.failure()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_task_is_the_failure_of_the_running_service() {
    let mut application = troubled(&Record::default(), PanicsIn(Step::Run));
    start(&mut application).await.unwrap();
    let error = failure(&mut application).await;
    assert_eq!(error.to_string(), "service night.c failed: panicked: out of paper");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_task_is_the_failure_of_the_running_service() {
    let mut application = troubled(&Record::default(), FailsTo(Step::Run));
    start(&mut application).await.unwrap();
    let error = failure(&mut application).await;
    assert_eq!(error.to_string(), "service night.c failed: out of ink");
    assert_eq!((error.path.as_str(), error.step), ("night.c", Step::Run));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_well_is_no_failure() {
    let mut application = troubled(&Record::default(), Trouble::None);
    start(&mut application).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(60), application.failure()).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn a_failed_application_can_still_be_stopped_in_order() {
    let record = Record::default();
    let mut application = troubled(&record, PanicsIn(Step::Run));
    start(&mut application).await.unwrap();
    application.failure().await;
    record.take();
    application.close();
    application.stop(soon()).await.unwrap();
    assert!(record.take().ends_with(&["stop a".into(), "stopped a".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_while_others_still_start_ends_the_start() {
    let record = Record::default();
    let mut application = application([
        ("a", record.troubled(PanicsIn(Step::Run))),
        ("b", record.troubled(HangsIn(Step::Start))),
        ("c", record.service()),
    ]);
    let error = tokio::time::timeout(Duration::from_secs(60), start(&mut application));
    let error = error.await.expect("the start goes on for ever").unwrap_err();
    assert_eq!((error.path.as_str(), error.step), ("a", Step::Run));
    assert!(!application.services().running());
    let expected =
        ["start a", "start b", "close b", "close a", "stop b", "stopped b", "stop a", "stopped a"];
    assert_eq!(record.take(), expected);
}
