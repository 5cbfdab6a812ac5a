//! Deadlines. The clock stands still in these tests: it moves on only when everybody waits for it.

use super::*;
use std::future::Future;

#[tokio::test(start_paused = true)]
async fn a_service_that_never_stops_is_named_and_the_others_stop() {
    let record = Record::default();
    let mut application = application([("a", record.service())]);
    let night = group([("b", record.troubled(HangsIn(Step::Stop)))]);
    night.add("late", group([("c", record.service())])).unwrap();
    application.add("night", night).unwrap();
    application.add("d", record.service()).unwrap();
    start(&mut application).await.unwrap();
    record.take();
    let errors = application.stop(soon()).await.unwrap_err();
    let expected = "service night.b did not stop cleanly: it had not stopped at the deadline";
    assert_eq!(errors.to_string(), expected);
    assert!(!application.services().running());
    let mut stopped = record.take();
    stopped.retain(|entry| entry.starts_with("stopped "));
    assert_eq!(stopped, ["stopped d", "stopped night.late.c", "stopped a"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_abandoned_before_the_deadline_nor_waited_for_long_after() {
    let mut application = application([("a", Record::default().troubled(HangsIn(Step::Stop)))]);
    start(&mut application).await.unwrap();
    let deadline = soon();
    application.stop(deadline).await.unwrap_err();
    assert!(Instant::now() >= deadline, "abandoned too early");
    assert!(Instant::now() <= deadline + Duration::from_secs(2), "waited for too long");
}

/// Among many siblings, only the guilty are named.
#[tokio::test(start_paused = true)]
async fn every_service_that_never_stops_is_named_and_no_group() {
    let record = Record::default();
    let mut application = Application::new("test");
    let mut expected = Vec::new();
    for number in 0..50 {
        let hangs = number % 7 == 0;
        let trouble = if hangs { HangsIn(Step::Stop) } else { Trouble::None };
        application.add(format!("g{number}"), group([("a", record.troubled(trouble))])).unwrap();
        if hangs {
            expected.insert(0, format!("g{number}.a"));
        }
    }
    start(&mut application).await.unwrap();
    let errors = application.stop(soon()).await.unwrap_err();
    let named: Vec<String> = errors.errors().iter().map(|error| error.path.to_string()).collect();
    assert_eq!(named, expected);
}

#[tokio::test(start_paused = true)]
async fn undoing_a_start_does_not_wait_for_ever() {
    let record = Record::default();
    let mut application = application([
        ("a", record.troubled(HangsIn(Step::Stop))),
        ("b", record.troubled(FailsTo(Step::Start))),
    ]);
    let error = start(&mut application).await.unwrap_err();
    assert_eq!(error.path.as_str(), "b", "the failure to start is what counts");
}

/// Needs its time for stopping.
struct Leisurely(Duration);

#[async_trait]
impl Service for Leisurely {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        tokio::time::sleep(self.0).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn siblings_stop_side_by_side() {
    let mut application = Application::new("test");
    for name in ["a", "b", "c"] {
        let group = MultiService::new();
        group.add("x", Leisurely(Duration::from_secs(8))).unwrap();
        group.add("y", Leisurely(Duration::from_secs(8))).unwrap();
        application.add(name, group).unwrap();
    }
    start(&mut application).await.unwrap();
    // One after the other they would need 48 seconds, and have 10.
    application.stop(soon()).await.unwrap();
}

/// A service whose work in progress ends when it is told to, as a listener's does.
struct Listener {
    record: Record,
    work: Option<tokio::task::JoinHandle<()>>,
}

#[async_trait]
impl Service for Listener {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let (cx, record) = (cx.clone(), self.record.clone());
        self.work = Some(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            record.note(format!("{} has finished its work", cx.path()));
        }));
        Ok(())
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        if within(deadline, work).await.is_none() {
            self.record.note("cut");
        }
        Ok(())
    }
}

async fn within<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline, future).await.ok()
}

#[tokio::test(start_paused = true)]
async fn the_deadline_reaches_services_of_any_depth() {
    for (patience, expected) in [(10, "g.a has finished its work"), (1, "cut")] {
        let record = Record::default();
        let mut application = Application::new("test");
        let group = MultiService::new();
        group.add("a", Listener { record: record.clone(), work: None }).unwrap();
        application.add("g", group).unwrap();
        start(&mut application).await.unwrap();
        application.stop(Instant::now() + Duration::from_secs(patience)).await.unwrap();
        assert_eq!(record.take(), [expected]);
    }
}
