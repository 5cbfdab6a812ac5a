//! Services and applications that a reload can't use.

use super::*;
use crate::chain::chain;

/// Settings that can't be compared.
#[derive(Debug)]
struct Unequalled;

impl PartialEq for Unequalled {
    fn eq(&self, _: &Self) -> bool {
        panic!("no comparison")
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_panic_when_they_are_compared_are_not_the_same() {
    let record = Record::default();
    let with = |number| {
        let actor = Managed::new(Actor::new(&record, number));
        tree([("actor", actor.settings(Box::new(Unequalled)))])
    };
    let mut running = started(with(1)).await;
    let report = reload(&running.tree().clone(), with(2)).await.unwrap();
    assert_eq!(report.replaced.len(), 1);
    running.stop(soon()).await.unwrap();
}

/// It does not know what it is.
struct Nameless;

#[async_trait]
impl Service for Nameless {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }

    fn kind(&self) -> &str {
        panic!("no kind")
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_when_it_is_asked_what_it_is_is_not_added() {
    let mut running = started(tree([])).await;
    let added = running.tree().add(&ServicePath::root(), "nameless", Nameless).await;
    let error = added.unwrap_err().to_string();
    assert_eq!(error, "service nameless could not start: panicked: no kind");
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_application_that_has_been_started_is_refused() {
    let record = Record::default();
    let with = |number| tree([("actor", managed(Actor::new(&record, number)))]);
    let (mut running, other) = (started(with(1)).await, started(with(2)).await);
    record.take();
    let refused = reload(&running.tree().clone(), other).await.unwrap_err();
    assert!(matches!(refused, ReloadError::Started), "{refused}");
    running.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["stop actor 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_the_running_tree_is_refused() {
    let record = Record::default();
    let group = MultiService::from([("actor", managed(Actor::new(&record, 1)))]);
    let with = || tree([("group", group.clone().into())]);
    let mut running = started(with()).await;
    record.take();
    let refused = reload(&running.tree().clone(), with()).await.unwrap_err();
    assert!(matches!(refused, ReloadError::Started), "{refused}");
    running.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["stop group.actor 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_waits_for_a_change_before_it_has_started_does_not_hold_up_the_reload_for_ever()
 {
    let mut running = started(tree([])).await;
    let adding = ServiceFn::ready_when_said(|cx| async move {
        cx.tree().add(&ServicePath::root(), "other", ServiceFn::new(|_| async { Ok(()) })).await?;
        cx.ready();
        cx.closing().await;
        Ok(())
    });
    let new = tree([("adding", Managed::new(adding))]);
    let refused = timeout(HANG_LIMIT, reload(&running.tree().clone(), new)).await.unwrap();
    let error = chain(&refused.unwrap_err());
    assert!(error.ends_with("a reload is in progress; try again when it has ended"), "{error}");
    assert_eq!(running.tree().list().len(), 0);
    running.stop(soon()).await.unwrap();
}
