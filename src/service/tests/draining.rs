//! Services that a reload has replaced or removed, and that finish what is in progress.

use super::reloading::{Maker, Part, managed, reload, started, tree};
use super::*;
use crate::service::State;
use tokio::sync::Notify;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn what_goes_has_no_deadline_until_the_application_stops() {
    let m = Maker::default();
    let ends = Arc::new(Notify::new());
    let old = |number| managed(Part { ends: Some(ends.clone()), ..m.part(number) });
    let mut running = started(tree([("a", old(1)), ("b", old(2))])).await;
    reload(&running, tree([("a", managed(m.part(3)))])).await.unwrap();
    sleep(Duration::from_secs(86_400)).await;
    let draining = |running: &Application| -> Vec<(String, State)> {
        let all = running.tree().draining();
        all.iter().map(|one| (one.service.path.to_string(), one.service.state)).collect()
    };
    assert_eq!(
        draining(&running),
        [("a".to_owned(), State::Stopping), ("b".to_owned(), State::Stopping)]
    );
    m.record.take();
    ends.notify_one();
    sleep(Duration::from_millis(1)).await;
    assert_eq!((draining(&running).len(), m.record.take().len()), (1, 1));
    running.close();
    running.stop(soon()).await.unwrap();
    let record = m.record.take();
    assert!(record.iter().any(|entry| entry.starts_with("cut")), "{record:?}");
    assert_eq!(draining(&running), []);
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_stops_after_those_that_have_gone_and_still_use_it() {
    let m = Maker::default();
    let ends = Arc::new(Notify::new());
    let with_user = |number| {
        let user = Part { ends: Some(ends.clone()), ..m.user(number, &["store"]) };
        tree([("store", managed(m.part(1))), ("user", managed(user))])
    };
    let mut running = started(with_user(2)).await;
    reload(&running, with_user(3)).await.unwrap();
    m.record.take();
    running.close();
    running.stop(soon()).await.unwrap();
    let record = m.record.take();
    assert_eq!(record.last().unwrap(), "stop store 1", "{record:?}");
    assert!(record.contains(&"stop user 2".into()) && record.contains(&"stop user 3".into()));
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_stops_after_those_that_have_gone_before_and_still_use_it() {
    let m = Maker::default();
    let ends = Arc::new(Notify::new());
    let with = |poem, user| {
        let user = Part { ends: Some(ends.clone()), ..m.user(user, &["poem"]) };
        tree([("poem", managed(m.part(poem))), ("user", managed(user))])
    };
    let mut running = started(with(1, 2)).await;
    reload(&running, with(1, 3)).await.unwrap();
    reload(&running, tree([("other", managed(m.part(4)))])).await.unwrap();
    m.record.take();
    sleep(Duration::from_secs(86_400)).await;
    assert_eq!(m.record.take(), Vec::<String>::new());
    ends.notify_one();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(m.record.take().len(), 1);
    ends.notify_one();
    sleep(Duration::from_millis(1)).await;
    let record = m.record.take();
    assert!(record[0].starts_with("stop user"), "{record:?}");
    assert_eq!(record[1..], ["close poem 1", "stop poem 1"]);
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_may_not_overlap_waits_for_those_that_have_gone_before_until_its_stop_timeout() {
    let m = Maker::default();
    let ends = Arc::new(Notify::new());
    let with = |store, user| {
        let user = Part { ends: Some(ends.clone()), ..m.user(user, &["store"]) };
        let store = Part { is_exclusive: true, ..m.part(store) };
        tree([("store", managed(store)), ("user", managed(user))])
    };
    let mut running = started(with(1, 2)).await;
    reload(&running, with(1, 3)).await.unwrap();
    m.record.take();
    reload(&running, with(5, 3)).await.unwrap();
    let record = m.record.take();
    let position = |entry: &str| record.iter().position(|other| other == entry).unwrap();
    assert!(position("cut user 2") < position("close store 1"), "{record:?}");
    assert!(position("stop user 3") < position("close store 1"), "{record:?}");
    assert!(position("stop store 1") < position("start store 5"), "{record:?}");
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_order_of_those_that_have_gone_is_kept_at_a_stop() {
    let m = Maker::default();
    let ends = Arc::new(Notify::new());
    let with = |poem, user| {
        let user = Part { ends: Some(ends.clone()), ..m.user(user, &["poem", "store"]) };
        let services = [("store", managed(m.part(9))), ("poem", managed(m.part(poem)))];
        let application = tree(services);
        application.services().add("user", managed(user)).unwrap();
        application
    };
    let mut running = started(with(1, 2)).await;
    reload(&running, with(3, 2)).await.unwrap();
    m.record.take();
    running.close();
    running.stop(soon()).await.unwrap();
    let record = m.record.take();
    let last = |entry: &str| record.iter().rposition(|other| other.starts_with(entry)).unwrap();
    assert!(last("stop user") < last("close store 9"), "{record:?}");
    let first_user = record.iter().position(|entry| entry.starts_with("stop user")).unwrap();
    assert!(first_user < last("close poem 1"), "{record:?}");
}
