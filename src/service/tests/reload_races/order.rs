//! Reloads while services that earlier ones have replaced or removed still finish what is in progress.

use super::*;

/// A tree with a store, and in a group its user and another one. The user stops when it is told to.
struct WithUser {
    record: Record,
    stops: Arc<Notify>,
}

impl WithUser {
    fn new() -> Self {
        Self { record: Record::default(), stops: Arc::default() }
    }

    /// `user`: none if it is 0.
    fn tree(&self, store: u32, user: u32) -> Application {
        let group = MultiService::new();
        group.add("other", managed(Actor::new(&self.record, 1))).unwrap();
        if user > 0 {
            let (finds, stops) = (true, Some(self.stops.clone()));
            let user = Actor { finds, stops, ..Actor::new(&self.record, user) };
            group.add("user", managed(user)).unwrap();
        }
        tree([("store", managed(Actor::new(&self.record, store))), ("group", group.into())])
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_stops_after_those_that_an_earlier_reload_has_replaced() {
    let with = WithUser::new();
    let mut running = started(with.tree(1, 1)).await;
    let tree = running.tree().clone();
    reload(&tree, with.tree(1, 2)).await.unwrap();
    with.record.take();
    reload(&tree, with.tree(2, 2)).await.unwrap();
    assert_eq!(with.record.take(), ["start store 2", "start group.user 2"]);
    let left: Vec<String> =
        tree.draining().iter().map(|one| one.service.path.to_string()).collect();
    assert_eq!(left, ["group.user", "group.user", "store"]);
    with.stops.notify_waiters();
    a_moment().await;
    assert_eq!(with.record.take(), ["stop group.user 1", "stop group.user 2", "stop store 1"]);
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn those_that_an_earlier_reload_has_removed_do_not_stop_what_is_around_them() {
    let with = WithUser::new();
    let mut running = started(with.tree(1, 1)).await;
    let tree = running.tree().clone();
    reload(&tree, with.tree(1, 0)).await.unwrap();
    with.record.take();
    reload(&tree, with.tree(2, 0)).await.unwrap();
    assert_eq!(with.record.take(), ["start store 2"]);
    tree.replace(&"store".parse().unwrap(), Actor::new(&with.record, 3)).await.unwrap();
    assert_eq!(with.record.take(), ["stop store 2", "start store 3"]);
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_order_of_those_that_have_gone_holds_when_the_application_stops() {
    let with = WithUser::new();
    let mut running = started(with.tree(1, 1)).await;
    let tree = running.tree().clone();
    reload(&tree, with.tree(2, 0)).await.unwrap();
    with.record.take();
    running.close();
    let deadline = Instant::now() + Duration::from_secs(60);
    let stopping = tokio::spawn(async move { running.stop(deadline).await });
    a_moment().await;
    let record = with.record.take();
    assert!(!record.contains(&"stop store 1".into()), "{record:?}");
    with.stops.notify_waiters();
    stopping.await.unwrap().unwrap();
    assert_eq!(with.record.take(), ["stop group.user 1", "stop store 1"]);
}
