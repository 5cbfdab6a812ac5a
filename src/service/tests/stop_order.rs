//! In which order services stop: each test has a store that loses what comes after it has closed.

use super::*;
use crate::service::ServiceFn;
use crate::service::slot::Slot;
use crate::service::stop_order::decide_order;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{sleep, timeout};

/// What a store shows: it takes writes until it is closed.
#[derive(Clone, Default)]
struct Store {
    closed: Arc<AtomicBool>,
    record: Record,
}

impl Store {
    fn new(record: &Record) -> Self {
        Self { record: record.clone(), ..Self::default() }
    }

    /// Takes something, or loses it.
    fn write(&self, what: &str) {
        let outcome = if self.closed.load(Ordering::Relaxed) { "lost" } else { "stored" };
        self.record.note(format!("{outcome} {what}"));
    }

    /// Closes when it is told to, and stops then. What it `writes_to` takes its last words.
    fn service(&self, writes_to: &'static [&'static str]) -> ServiceFn {
        let own = self.clone();
        ServiceFn::new(move |cx| {
            let own = own.clone();
            async move {
                let stores = find_all(&cx, writes_to)?;
                cx.closing().await;
                own.closed.store(true, Ordering::Relaxed);
                write_last_words(&cx, &stores);
                own.record.note(format!("stopped {}", cx.path()));
                Ok(())
            }
        })
        .handle(self.clone())
    }
}

fn find_all(cx: &Context, names: &[&'static str]) -> Result<Vec<(&'static str, Store)>, BoxError> {
    names.iter().map(|name| Ok((*name, cx.find::<Store>(name)?))).collect()
}

fn write_last_words(cx: &Context, stores: &[(&str, Store)]) {
    for (name, store) in stores {
        store.write(&format!("{} to {name}", cx.path()));
    }
}

/// A service that goes on writing for a second after it has been told to close.
fn writer(record: &Record, writes_to: &'static [&'static str]) -> ServiceFn {
    let record = record.clone();
    ServiceFn::new(move |cx| {
        let record = record.clone();
        async move {
            let stores = find_all(&cx, writes_to)?;
            cx.closing().await;
            record.note(format!("closed {}", cx.path()));
            sleep(Duration::from_secs(1)).await;
            write_last_words(&cx, &stores);
            record.note(format!("stopped {}", cx.path()));
            Ok(())
        }
    })
}

async fn start_and_stop(mut application: Application) -> Result<(), crate::service::StopErrors> {
    start(&mut application).await.unwrap();
    tokio::task::yield_now().await;
    application.close();
    application.stop(soon()).await
}

#[tokio::test(start_paused = true)]
async fn a_store_stops_after_those_who_write_to_it_wherever_they_stand_in_the_file() {
    for store_first in [true, false] {
        let record = Record::default();
        let mut application = Application::new("test");
        if store_first {
            application.add("store", Store::new(&record).service(&[])).unwrap();
        }
        application.add("one", writer(&record, &["store"])).unwrap();
        application.add("other", writer(&record, &["store"])).unwrap();
        if !store_first {
            application.add("store", Store::new(&record).service(&[])).unwrap();
        }
        start_and_stop(application).await.unwrap();
        let told = record.take();
        assert!(told.contains(&"stored one to store".into()), "{told:?}");
        assert!(told.contains(&"stored other to store".into()), "{told:?}");
        assert_eq!(told.last().unwrap(), "stopped store");
    }
}

#[tokio::test(start_paused = true)]
async fn the_order_holds_across_groups_and_leaf_by_leaf() {
    let record = Record::default();
    let mut application = Application::new("test");
    let stores = MultiService::new();
    stores.add("bystander", writer(&record, &[])).unwrap();
    stores.add("front", writer(&record, &["store"])).unwrap();
    application.add("store", Store::new(&record).service(&[])).unwrap();
    application.add("stores", stores).unwrap();
    start_and_stop(application).await.unwrap();
    let told = record.take();
    let closed_at_once = ["closed stores.bystander", "closed stores.front"];
    assert!(closed_at_once.iter().all(|closed| told[..2].contains(&(*closed).into())), "{told:?}");
    assert!(told.contains(&"stored stores.front to store".into()), "{told:?}");
    assert_eq!(told.last().unwrap(), "stopped store");
}

/// A writes to a store of the other group, and so does B: neither group can stop before the other.
#[tokio::test(start_paused = true)]
async fn two_groups_that_find_each_other_s_services_lose_nothing() {
    let record = Record::default();
    let mut application = Application::new("test");
    let stores = |name: &str| {
        let (group, store) = (MultiService::new(), Store::new(&record));
        group.add("inner", store.service(&[])).unwrap();
        (name.to_owned(), group, store)
    };
    // What is inside a group is found from there alone: each group shows its store by a handle of its own.
    let (left_name, left, left_store) = stores("left");
    let (right_name, right, right_store) = stores("right");
    left.add("writer", writer(&record, &["right"])).unwrap();
    right.add("writer", writer(&record, &["left"])).unwrap();
    application.add(left_name, Showing { inner: left, store: left_store }).unwrap();
    application.add(right_name, Showing { inner: right, store: right_store }).unwrap();
    let stopped = timeout(Duration::from_secs(60), start_and_stop(application)).await;
    stopped.expect("they wait for each other for ever").unwrap();
    let told = record.take();
    // That is a circle: the later group goes first, and what its services write is kept.
    assert!(told.contains(&"stored right.writer to left".into()), "{told:?}");
    assert!(told.contains(&"lost left.writer to right".into()), "{told:?}");
    assert_eq!(told.iter().filter(|entry| entry.starts_with("stopped ")).count(), 4);
}

/// A group that is found as its store.
struct Showing {
    inner: MultiService,
    store: Store,
}

#[async_trait]
impl Service for Showing {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.inner.start(cx).await
    }

    fn close(&mut self) {
        self.inner.close();
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        self.inner.stop(deadline).await
    }

    fn handle(&self) -> Option<Handle> {
        Some(Handle::new(self.store.clone()))
    }

    fn children(&self) -> Option<&MultiService> {
        Some(&self.inner)
    }
}

/// Stores of two groups, each written to by a service of the other group, but in no circle.
#[tokio::test(start_paused = true)]
async fn services_of_two_groups_stop_in_an_order_that_no_group_has() {
    let record = Record::default();
    let mut application = Application::new("test");
    let (left, right) = (MultiService::new(), MultiService::new());
    let stores = [("upper", &left), ("lower", &right)];
    for (name, group) in stores {
        let store = Store::new(&record);
        application.add(name, store.service(&[])).unwrap();
        group.add("bystander", writer(&record, &[])).unwrap();
    }
    left.add("writer", writer(&record, &["lower"])).unwrap();
    right.add("writer", writer(&record, &["upper"])).unwrap();
    application.add("left", left).unwrap();
    application.add("right", right).unwrap();
    start_and_stop(application).await.unwrap();
    let told = record.take();
    assert!(told.contains(&"stored left.writer to lower".into()), "{told:?}");
    assert!(told.contains(&"stored right.writer to upper".into()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_chain_stops_from_its_far_end() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("b", Store::new(&record).service(&["c"])).unwrap();
    application.add("a", writer(&record, &["b"])).unwrap();
    application.add("c", Store::new(&record).service(&[])).unwrap();
    start_and_stop(application).await.unwrap();
    let mut told = record.take();
    told.retain(|entry| !entry.starts_with("closed "));
    let expected = ["stored a to b", "stopped a", "stored b to c", "stopped b", "stopped c"];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn in_a_circle_the_later_one_goes_first_and_those_outside_it_keep_their_order() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("a", Store::new(&record).service(&["b", "c"])).unwrap();
    application.add("b", Store::new(&record).service(&["a"])).unwrap();
    application.add("c", Store::new(&record).service(&[])).unwrap(); // found by a, in no circle
    start_and_stop(application).await.unwrap();
    let mut told = record.take();
    let expected =
        ["stored b to a", "stopped b", "lost a to b", "stored a to c", "stopped a", "stopped c"];
    told.sort_by_key(|entry| expected.iter().position(|e| e == entry));
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_store_is_stopped_though_one_that_writes_to_it_blocks_until_the_deadline() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("store", Store::new(&record).service(&[])).unwrap();
    let blocked = ServiceFn::new(|cx| async move {
        cx.find::<Store>("store")?;
        std::future::pending().await
    });
    application.add("blocked", blocked).unwrap();
    start(&mut application).await.unwrap();
    tokio::task::yield_now().await;
    let deadline = soon();
    application.close();
    let errors = application.stop(deadline).await.unwrap_err();
    assert_eq!(errors.errors().len(), 1);
    assert_eq!(errors.errors()[0].path.as_str(), "blocked");
    assert_eq!(record.take(), ["stopped store"]);
    assert!(Instant::now() < deadline + Duration::from_secs(3), "waited for too long");
}

/// Its future can't be dropped usefully: it goes on after the deadline.
#[tokio::test(start_paused = true)]
async fn all_that_depend_on_one_that_never_stops_are_stopped_soon_after_the_deadline() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("far", Store::new(&record).service(&[])).unwrap();
    application.add("near", Store::new(&record).service(&["far"])).unwrap();
    application.add("hangs", Hangs).unwrap();
    start(&mut application).await.unwrap();
    tokio::task::yield_now().await;
    let deadline = soon();
    application.close();
    let errors = application.stop(deadline).await.unwrap_err();
    let expected = "service hangs did not stop cleanly: it had not stopped at the deadline";
    assert_eq!(errors.to_string(), expected);
    assert_eq!(record.take(), ["stored near to far", "stopped near", "stopped far"]);
    assert!(Instant::now() < deadline + Duration::from_secs(3), "waited for too long");
}

/// Has found `near`, and never comes back from its stop.
struct Hangs;

#[async_trait]
impl Service for Hangs {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        cx.find::<Store>("near")?;
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_alone_stops_in_order_too() {
    let record = Record::default();
    let mut application = Application::new("test");
    let group = MultiService::new();
    group.add("store", Store::new(&record).service(&[])).unwrap();
    group.add("writer", writer(&record, &["store"])).unwrap();
    application.add("group", group).unwrap();
    start(&mut application).await.unwrap();
    tokio::task::yield_now().await;
    let (_, stopped) = application.services().remove("group", soon()).await.unwrap();
    stopped.unwrap();
    let told = record.take();
    assert!(told.contains(&"stored group.writer to store".into()), "{told:?}");
    assert_eq!(told.last().unwrap(), "stopped group.store");
}

/// Who is stopped alone waits for nobody: those who have found it go on.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_restarted_alone_does_not_wait_for_those_who_have_found_it() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("store", Store::new(&record).service(&[])).unwrap();
    application.add("writer", writer(&record, &["store"])).unwrap();
    start(&mut application).await.unwrap();
    tokio::task::yield_now().await;
    application.tree().restart(&"store".parse().unwrap()).await.unwrap();
    assert_eq!(record.take(), ["stopped store"]);
    application.stop(soon()).await.unwrap();
}

/// Each of them has found the next one, which comes later in the tree: that takes a time that grows with their number.
#[tokio::test(start_paused = true)]
async fn the_order_of_ten_thousand_services_in_a_chain_is_soon_decided() {
    const COUNT: usize = 10_000;
    let (root, name) = (Arc::new(Slot::default()), |n: usize| format!("s{n}"));
    let slots: Vec<Arc<Slot>> = (0..COUNT).map(|_| Arc::default()).collect();
    for (n, slot) in slots.iter().enumerate() {
        slot.enter(&root, &name(n), None);
    }
    slots.windows(2).for_each(|pair| pair[0].has_found(&pair[1]));
    let begin = std::time::Instant::now();
    decide_order(&root, slots.iter().cloned());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    let waiting = slots.iter().filter(|slot| slot.waits_for_its_turn()).count();
    assert_eq!(waiting, COUNT - 1);
}

/// Records when it stops; it stops last.
struct Watch(Record);

#[async_trait]
impl Service for Watch {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Ok(())
    }

    fn close(&mut self) {
        self.0.note("closed the watch");
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }

    fn stops_last(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_stops_last_closes_after_all_others_wherever_it_and_they_are() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("watch", Watch(record.clone())).unwrap();
    let group = MultiService::new();
    group.add("other", Watch(record.clone())).unwrap();
    group.add("one", writer(&record, &["store"])).unwrap();
    application.add("group", group).unwrap();
    application.add("store", Store::new(&record).service(&[])).unwrap();
    application.add("ended", ServiceFn::new(|_| async { Ok(()) })).unwrap();
    start_and_stop(application).await.unwrap();
    let noted = record.take();
    let at = |what: &str| noted.iter().position(|note| note == what);
    assert_eq!(noted.iter().filter(|note| *note == "closed the watch").count(), 2, "{noted:?}");
    assert!(at("closed the watch") > at("stopped store"), "{noted:?}");
    assert_eq!(noted.last().unwrap(), "closed the watch");
}

#[tokio::test(start_paused = true)]
async fn one_that_stops_last_does_not_wait_for_those_that_have_stopped_already() {
    let record = Record::default();
    let mut application = Application::new("test");
    let group = MultiService::new();
    group.add("one", writer(&record, &[])).unwrap();
    application.add("group", group).unwrap();
    application.add("watch", Watch(record.clone())).unwrap();
    start(&mut application).await.unwrap();
    let tree = application.tree().clone();
    let stop =
        async { tree.stop(&"group".parse().unwrap(), crate::service::IfFound::Refuse).await };
    tokio::select! {
        stopped = stop => stopped.unwrap(),
        failure = application.failure() => panic!("{failure}"),
    }
    let before = Instant::now();
    application.close();
    application.stop(soon()).await.unwrap();
    assert_eq!(Instant::now(), before);
}
