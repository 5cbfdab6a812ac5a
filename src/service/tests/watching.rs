//! What is worth reading again.

use super::*;
use crate::service::{Counters, IfFound, Sample, ServiceFn, Watch};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that does not tell when it changes.
struct Silent;

impl Counters for Silent {
    fn read(&self) -> Vec<Sample> {
        vec![Sample::gauge("silent", "Nothing.", 0)]
    }
}

/// Two numbers, of which one may grow while the other one falls.
struct Pair(AtomicU64);

impl Counters for Pair {
    fn read(&self) -> Vec<Sample> {
        vec![Sample::gauge("pair", "One of two.", self.version().unwrap())]
    }

    fn version(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_each_change_once() {
    let mut application = Application::new("test");
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let to_test = contexts.clone();
    let service = ServiceFn::new(move |cx| {
        to_test.lock().unwrap().push(cx.clone());
        async move {
            cx.closing().await;
            Ok(())
        }
    });
    application.add("service", service).unwrap();
    start(&mut application).await.unwrap();
    tokio::task::yield_now().await;
    let tree = application.tree().clone();
    let mut watch = Watch::default();
    let mut changes = || (watch.sees_another(&tree.entries()[0]), watch.has_counted());
    assert_eq!(changes(), (true, true));
    assert_eq!(changes(), (false, false));

    let cx = contexts.lock().unwrap().pop().unwrap();
    let counter = cx.counter("requests", "Requests.");
    assert!(changes().0);
    counter.add(1);
    assert_eq!(changes(), (false, true));
    let first = cx.counters("first", || Pair(AtomicU64::new(5)));
    let other = cx.counters("other", || Pair(AtomicU64::new(5)));
    assert_eq!(changes(), (true, true));
    first.0.store(6, Ordering::Relaxed);
    other.0.store(4, Ordering::Relaxed);
    assert_eq!(changes(), (false, true));
    assert_eq!(changes(), (false, false));

    let (tree, path) = (&tree, "service".parse().unwrap());
    tokio::select! {
        stopped = tree.stop(&path, IfFound::Refuse) => stopped.unwrap(),
        failure = application.failure() => panic!("{failure}"),
    }
    assert!(changes().0);
    cx.counters("silent", || Silent);
    assert_eq!(changes(), (true, true));
    assert_eq!(changes(), (false, true), "nobody knows whether it has changed");
}
