//! Adding, removing, looking up, iterating.

use super::*;
use crate::service::{AddError, Managed};

fn names(services: &MultiService) -> Vec<String> {
    services.names()
}

#[test]
fn children_are_found_by_name_and_iterated_in_order() {
    let record = Record::default();
    let services = MultiService::new();
    assert!(services.is_empty());
    add_all(&services, [("z", record.service()), ("a", record.service()), ("m", record.service())]);
    assert_eq!(
        (names(&services), services.len()),
        (["z", "a", "m"].map(str::to_owned).to_vec(), 3)
    );
    assert!(services.contains("a") && services.inspect("a", |_| ()).is_some());
    assert!(!services.contains("b") && services.inspect("b", |_| ()).is_none());
    assert!(services.settings("a").is_none(), "it was not made from settings");
}

#[test]
fn settings_are_kept_beside_the_child() {
    let services = MultiService::new();
    let service = Record::default().service();
    services.add("a", Managed::new(service).settings(Box::new(7u8))).unwrap();
    let settings = services.settings("a").unwrap();
    assert!(settings.same_as(&7u8) && !settings.same_as(&8u8) && !settings.same_as(&7u16));
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let record = Record::default();
    let services = group([("a", record.service().shows("the first"))]);
    let error = services.add("a", record.service()).unwrap_err();
    assert!(matches!(&error, AddError::Duplicate(name) if name == "a"), "{error}");
    assert_eq!(services.len(), 1);
    assert!(services.inspect("a", |a| a.handle().is_some()).unwrap(), "the first one was replaced");
}

#[test]
fn a_name_that_would_not_fit_into_a_path_is_refused() {
    let services = MultiService::new();
    for name in ["", "a.b", "a b", "é", "a\n", "/"] {
        let error = services.add(name, Record::default().service()).unwrap_err();
        assert!(matches!(&error, AddError::BadName(bad) if bad == name), "{error}");
    }
    for name in ["a", "A-1_", "-", "0"] {
        services.add(name, Record::default().service()).unwrap();
    }
}

#[tokio::test]
async fn removing_one_that_never_ran_only_gives_it_back() {
    let record = Record::default();
    let services =
        group([("a", record.service()), ("b", record.service()), ("c", record.service())]);
    let (_, outcome) = services.remove("b", soon()).await.unwrap();
    outcome.unwrap();
    assert!(record.take().is_empty());
    assert_eq!(names(&services), ["a", "c"]);
    assert!(services.remove("b", soon()).await.is_none());
}

#[tokio::test]
async fn adding_to_a_running_one_starts_the_child() {
    let record = Record::default();
    let mut application = application([("a", record.service())]);
    start(&mut application).await.unwrap();
    record.take();
    application.services().add_and_start("b", record.service()).await.unwrap();
    assert_eq!(record.take(), ["prepare b", "start b"]);
    application.stop(soon()).await.unwrap();
    let stopped = ["close b", "stop b", "stopped b", "close a", "stop a", "stopped a"];
    assert_eq!(record.take(), stopped);
}

#[tokio::test]
async fn adding_and_starting_waits_for_the_start_of_the_parent() {
    let record = Record::default();
    let mut application = application([]);
    application.services().add_and_start("a", record.service()).await.unwrap();
    assert!(record.take().is_empty());
    start(&mut application).await.unwrap();
    assert_eq!(record.take(), ["start a"]);
}

#[tokio::test]
async fn adding_to_a_running_one_without_starting_is_refused() {
    let mut application = application([]);
    start(&mut application).await.unwrap();
    let error = application.add("a", Record::default().service()).unwrap_err();
    assert!(matches!(&error, AddError::Running(name) if name == "a"), "{error}");
}

#[tokio::test]
async fn names_are_refused_before_anything_is_started() {
    let record = Record::default();
    let mut application = application([("a", record.service())]);
    start(&mut application).await.unwrap();
    record.take();
    let duplicate = application.services().add_and_start("a", record.service()).await.unwrap_err();
    assert!(matches!(duplicate, AddError::Duplicate(_)), "{duplicate}");
    let bad = application.services().add_and_start("a.b", record.service()).await.unwrap_err();
    assert!(matches!(bad, AddError::BadName(_)), "{bad}");
    assert!(record.take().is_empty());
}

#[tokio::test]
async fn a_child_that_fails_to_start_is_not_added() {
    let record = Record::default();
    let mut application = application([]);
    start(&mut application).await.unwrap();
    for trouble in [FailsTo(Step::PrivilegedStart), FailsTo(Step::Start), PanicsIn(Step::Start)] {
        let error =
            application.services().add_and_start("b", record.troubled(trouble)).await.unwrap_err();
        assert!(matches!(&error, AddError::Start(e) if e.path.as_str() == "b"), "{error}");
        assert!(!application.services().contains("b") && application.services().running());
    }
    application.services().add_and_start("b", record.service()).await.unwrap();
}

#[tokio::test]
async fn a_group_can_be_added_to_a_running_one() {
    let record = Record::default();
    let mut application = application([]);
    start(&mut application).await.unwrap();
    let night = group([("a", record.service()), ("b", record.service())]);
    application.services().add_and_start("night", night).await.unwrap();
    assert_eq!(
        record.take(),
        ["prepare night.a", "prepare night.b", "start night.a", "start night.b"]
    );
}

#[tokio::test]
async fn removing_a_running_child_stops_it_and_no_other() {
    let record = Record::default();
    let mut application = application([("a", record.service()), ("b", record.service())]);
    start(&mut application).await.unwrap();
    record.take();
    let (_, outcome) = application.services().remove("a", soon()).await.unwrap();
    outcome.unwrap();
    assert_eq!(record.take(), ["close a", "stop a", "stopped a"]);
    assert!(application.services().running() && names(application.services()) == ["b"]);
}

#[tokio::test(start_paused = true)]
async fn removing_a_child_that_never_stops_ends_at_the_deadline() {
    let mut application = application([("a", Record::default().troubled(HangsIn(Step::Stop)))]);
    start(&mut application).await.unwrap();
    let (_, outcome) = application.services().remove("a", soon()).await.unwrap();
    assert_eq!(outcome.unwrap_err().errors()[0].path.as_str(), "a");
    assert!(application.services().is_empty());
}
