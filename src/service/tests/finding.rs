//! Looking up other services by name.

use super::*;
use crate::service::FindError;
use crate::service::slot::Slot;

/// Looks up `wanted` when it starts, and records what it found.
struct Seeker {
    record: Record,
    wanted: &'static str,
}

#[async_trait]
impl Service for Seeker {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.record.note(match cx.find::<&'static str>(self.wanted) {
            Ok(handle) => handle.to_owned(),
            Err(error) => error.to_string(),
        });
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

impl Record {
    fn seeker(&self, wanted: &'static str) -> Seeker {
        Seeker { record: self.clone(), wanted }
    }
}

/// A service that shows `handle`, and records nothing.
fn poem(handle: &'static str) -> Probe {
    Record::default().service().shows(handle)
}

#[tokio::test]
async fn siblings_come_before_those_further_out() {
    let record = Record::default();
    let mut application = application([("poem", poem("outer")), ("other", poem("other"))]);
    let night = group([("poem", poem("inner"))]);
    night.add("near", record.seeker("poem")).unwrap();
    night.add("far", record.seeker("other")).unwrap();
    application.add("night", night).unwrap();
    application.add("outside", record.seeker("poem")).unwrap();
    start(&mut application).await.unwrap();
    assert_eq!(record.take(), ["inner", "other", "outer"]);
}

#[tokio::test]
async fn a_younger_sibling_can_be_found_before_it_starts() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("seeker", record.seeker("poem")).unwrap();
    application.add("poem", poem("young")).unwrap();
    start(&mut application).await.unwrap();
    assert_eq!(record.take(), ["young"]);
}

#[tokio::test]
async fn what_is_inside_another_group_is_not_found() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("night", group([("poem", poem("hidden"))])).unwrap();
    application.add("seeker", record.seeker("poem")).unwrap();
    start(&mut application).await.unwrap();
    let expected = "there is no service named \"poem\" next to seeker, nor in the groups around it";
    assert_eq!(record.take(), [expected]);
}

/// Names are names: a path is not one.
#[tokio::test]
async fn a_path_is_not_a_name() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("night", group([("poem", poem("hidden"))])).unwrap();
    application.add("seeker", record.seeker("night.poem")).unwrap();
    start(&mut application).await.unwrap();
    let found = record.take();
    assert!(found[0].starts_with("there is no service named"), "found {found:?}");
}

/// One of another kind hides those further out, as the check of an application file says too.
#[tokio::test]
async fn a_sibling_of_another_kind_is_an_error() {
    let record = Record::default();
    let mut application = application([("poem", poem("outer"))]);
    let night = group([("poem", Record::default().service())]);
    night.add("seeker", record.seeker("poem")).unwrap();
    application.add("night", night).unwrap();
    start(&mut application).await.unwrap();
    assert_eq!(
        record.take(),
        ["the service night.poem is not of the kind that night.seeker needs"]
    );
}

#[tokio::test]
async fn a_handle_of_another_type_is_an_error() {
    let (cx, _failures) = Context::root(Resources::new(), Workers::current());
    let slot = Arc::new(Slot::default());
    slot.enter(cx.slot(), "poem", Some(Handle::new("text")));
    let seeker = cx.child("seeker");
    assert_eq!(seeker.find::<&'static str>("poem").unwrap(), "text");
    assert!(matches!(seeker.find::<u8>("poem"), Err(FindError::OtherKind { .. })));
}

#[tokio::test]
async fn one_added_later_is_found_and_one_removed_is_not() {
    let record = Record::default();
    let mut application = application([]);
    start(&mut application).await.unwrap();
    application.services().add_and_start("poem", poem("new")).await.unwrap();
    application.services().add_and_start("first", record.seeker("poem")).await.unwrap();
    application.services().remove("poem", soon()).await.unwrap().1.unwrap();
    application.services().add_and_start("second", record.seeker("poem")).await.unwrap();
    let found = record.take();
    assert_eq!(found[0], "new");
    assert!(found[1].starts_with("there is no service named \"poem\""), "{}", found[1]);
}

/// What a group held goes with it: a group of the same name that comes later is another one.
#[tokio::test]
async fn nothing_of_a_removed_group_is_found_again() {
    let record = Record::default();
    let mut application = application([("poem", poem("outer"))]);
    start(&mut application).await.unwrap();
    application.services().add_and_start("night", group([("poem", poem("inner"))])).await.unwrap();
    application.services().remove("night", soon()).await.unwrap().1.unwrap();
    let night = MultiService::new();
    night.add("seeker", record.seeker("poem")).unwrap();
    application.services().add_and_start("night", night).await.unwrap();
    assert_eq!(record.take(), ["outer"]);
}

#[tokio::test]
async fn nothing_of_a_group_that_failed_to_start_is_found_again() {
    let record = Record::default();
    let mut application = application([("poem", poem("outer"))]);
    start(&mut application).await.unwrap();
    let failing = Record::default().troubled(FailsTo(Step::Start));
    let night = group([("poem", poem("inner")), ("failing", failing)]);
    application.services().add_and_start("night", night).await.unwrap_err();
    let night = MultiService::new();
    night.add("seeker", record.seeker("poem")).unwrap();
    application.services().add_and_start("night", night).await.unwrap();
    assert_eq!(record.take(), ["outer"]);
}

#[tokio::test]
async fn resources_are_found_by_type() {
    let resources = Resources::new();
    resources.insert(7u8);
    resources.insert("text");
    let (cx, _failures) = Context::root(resources.clone(), Workers::current());
    let inner = cx.child("a").child("b");
    assert_eq!(inner.resource::<u8>().as_deref(), Some(&7));
    assert_eq!(inner.resource::<u16>(), None);
    resources.insert(8u8);
    assert_eq!(inner.resource::<u8>().as_deref(), Some(&8), "a later value takes its place");
}
