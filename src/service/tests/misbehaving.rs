//! Services whose callbacks panic: that is never more than their own failure.

use super::*;
use crate::service::{Counters, IfFound, Sample, ServicePath, State};
use std::future::Future;
use std::pin::Pin;

#[derive(Clone, Copy, PartialEq)]
enum In {
    Handle,
    Children,
    Drop,
    Counters,
    StartItself,
    StopItself,
}

struct Panics(In);

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(self.0 != In::Drop, "out of paper");
    }
}

impl Counters for Panics {
    fn read(&self) -> Vec<Sample> {
        panic!("out of paper");
    }
}

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// Written without the macro: a call can panic before there is a future.
impl Service for Panics {
    fn start<'a: 'c, 'b: 'c, 'c>(&'a mut self, cx: &'b Context) -> Done<'c>
    where
        Self: 'c,
    {
        assert!(self.0 != In::StartItself, "out of paper");
        if self.0 == In::Counters {
            cx.counters("ink", || Panics(In::Counters));
        }
        cx.counter("drops", "Drops of ink.").add(3);
        Box::pin(async { Ok(()) })
    }

    fn stop<'a: 'c, 'c>(&'a mut self, _: Instant) -> Done<'c>
    where
        Self: 'c,
    {
        assert!(self.0 != In::StopItself, "out of paper");
        Box::pin(async { Ok(()) })
    }

    fn handle(&self) -> Option<Handle> {
        assert!(self.0 != In::Handle, "out of paper");
        Some(Handle::new("shown"))
    }

    fn children(&self) -> Option<&MultiService> {
        assert!(self.0 != In::Children, "out of paper");
        None
    }
}

fn path(text: &str) -> ServicePath {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_panic_in_any_callback_of_a_start_is_the_failure_of_that_service() {
    let record = Record::default();
    for callback in [In::Handle, In::StartItself] {
        let mut application = application([("a", record.service())]);
        application.add("b", Panics(callback)).unwrap();
        let error = start(&mut application).await.unwrap_err();
        assert_eq!(error.to_string(), "service b could not start: panicked: out of paper");
    }
}

#[tokio::test]
async fn a_service_that_panics_when_it_is_added_is_not_added_and_the_old_one_is_back() {
    let record = Record::default();
    for callback in [In::Handle, In::Children, In::StartItself] {
        let mut application = application([("a", record.service())]);
        start(&mut application).await.unwrap();
        let tree = application.tree().clone();
        let expected = |of: &str| format!("service {of} could not start: panicked: out of paper");
        let added = tree.add(&ServicePath::root(), "b", Panics(callback)).await.unwrap_err();
        assert_eq!(added.to_string(), expected("b"));
        assert_eq!(application.services().names(), ["a"]);
        let replaced = tree.replace(&path("a"), Panics(callback)).await.unwrap_err();
        assert_eq!(replaced.to_string(), expected("a"));
        let a = tree.report(&path("a")).unwrap();
        assert_eq!(a.state, State::Running);
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_when_a_service_is_dropped_or_stopped_keeps_no_change_from_being_made() {
    let record = Record::default();
    for callback in [In::Drop, In::StopItself] {
        let mut application = application([]);
        for name in ["a", "b"] {
            application.add(name, Panics(callback)).unwrap();
        }
        start(&mut application).await.unwrap();
        let tree = application.tree().clone();
        tree.replace(&path("a"), record.service()).await.unwrap();
        tree.remove(&path("b"), IfFound::Refuse).await.unwrap();
        assert_eq!(application.services().names(), ["a"]);
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test]
async fn counters_that_panic_when_they_are_read_hide_no_others() {
    let mut application = application([]);
    application.add("a", Panics(In::Counters)).unwrap();
    start(&mut application).await.unwrap();
    let counters = application.tree().report(&path("a")).unwrap().counters;
    assert_eq!(counters.iter().map(|sample| sample.value).collect::<Vec<_>>(), [3]);
    application.stop(soon()).await.unwrap();
}
