//! Starting: the order, and when it is over.

use super::*;
use crate::service::ServicePath;
use std::future::Future;
use std::task::{Context as TaskContext, Poll, Waker};

/// A tree three groups deep.
fn deep(record: &Record) -> Application {
    let mut application = application([("a", record.service())]);
    let night = group([("b", record.service())]);
    let late = group([("c", record.service())]);
    late.add("last", group([("d", record.service())])).unwrap();
    night.add("late", late).unwrap();
    night.add("e", record.service()).unwrap();
    application.add("night", night).unwrap();
    application.add("f", record.service()).unwrap();
    application
}

const IN_ORDER: [&str; 6] = ["a", "night.b", "night.late.c", "night.late.last.d", "night.e", "f"];

fn each(what: &str) -> Vec<String> {
    IN_ORDER.map(|path| format!("{what} {path}")).to_vec()
}

#[tokio::test]
async fn services_of_any_depth_start_in_order_and_stop_in_reverse() {
    let record = Record::default();
    let mut application = deep(&record);
    application.privileged_start(&Resources::new()).unwrap();
    assert_eq!(record.take(), each("prepare"));
    start(&mut application).await.unwrap();
    assert_eq!(record.take(), each("start"));
    application.close();
    assert_eq!(record.take(), each("close").into_iter().rev().collect::<Vec<_>>());
    application.stop(soon()).await.unwrap();
    let mut stopped = record.take();
    stopped.retain(|entry| entry.starts_with("stop "));
    assert_eq!(stopped, each("stop").into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stopped_application_can_be_started_again() {
    let record = Record::default();
    let mut application = deep(&record);
    for _ in 0..2 {
        start(&mut application).await.unwrap();
        assert_eq!(record.take(), each("start"));
        application.stop(soon()).await.unwrap();
        assert!(!application.services().running());
        record.take();
    }
}

#[tokio::test]
async fn an_application_that_did_not_start_has_nothing_to_stop() {
    let record = Record::default();
    let mut application = deep(&record);
    application.close();
    application.stop(soon()).await.unwrap();
    assert!(record.take().is_empty());
}

#[tokio::test]
async fn it_runs_only_when_every_service_has_started() {
    let mut application = application([
        ("a", Record::default().service()),
        ("b", Record::default().troubled(HangsIn(Step::Start))),
    ]);
    assert!(!application.services().running());
    {
        let resources = Resources::new();
        let mut starting = Box::pin(application.start(&resources, Workers::current()));
        assert!(poll_once(starting.as_mut()).is_pending());
    }
    assert!(!application.services().running(), "it was cut off while b started");
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_start_that_is_cut_off_leaves_what_had_begun_to_be_stopped() {
    let record = Record::default();
    let mut application = application([("a", record.service())]);
    let night = [
        ("b", record.service()),
        ("c", record.troubled(HangsIn(Step::Start))),
        ("d", record.service()),
    ];
    application.add("night", group(night)).unwrap();
    application.add("e", record.service()).unwrap();
    {
        let resources = Resources::new();
        let mut starting = Box::pin(application.start(&resources, Workers::current()));
        assert!(poll_once(starting.as_mut()).is_pending());
    }
    assert_eq!(record.take(), ["start a", "start night.b", "start night.c"]);
    application.close();
    assert_eq!(record.take(), ["close night.c", "close night.b", "close a"]);
    application.stop(soon()).await.unwrap();
    let mut stopped = record.take();
    stopped.retain(|entry| entry.starts_with("stop "));
    assert_eq!(stopped, ["stop night.c", "stop night.b", "stop a"]);
}

/// Waits for the whole application in a task of its own, as a listener does.
struct Waiting(Record);

#[async_trait]
impl Service for Waiting {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let (waiting, record) = (cx.clone(), self.0.clone());
        cx.spawn(async move {
            waiting.all_started().await;
            record.note(format!("all started, says {}", waiting.path()));
            Ok(())
        });
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Takes its time to start: other tasks get theirs meanwhile.
struct Slow(Record);

#[async_trait]
impl Service for Slow {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.0.note(format!("{} has started", cx.path()));
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_all_go_on_when_the_last_has_started() {
    let record = Record::default();
    let mut application = Application::new("test");
    let night = MultiService::new();
    night.add("listener", Waiting(record.clone())).unwrap();
    application.add("night", night).unwrap();
    application.add("slow", Slow(record.clone())).unwrap();
    application.add("slower", Slow(record.clone())).unwrap();
    start(&mut application).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let all = ["slow has started", "slower has started", "all started, says night.listener"];
    assert_eq!(record.take(), all);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_all_wait_for_ever_when_one_fails() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("listener", Waiting(record.clone())).unwrap();
    application.add("slow", Slow(record.clone())).unwrap();
    application.add("b", Record::default().troubled(FailsTo(Step::Start))).unwrap();
    start(&mut application).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(record.take(), ["slow has started"]);
}

#[tokio::test]
async fn a_service_added_later_need_not_wait_for_all() {
    let record = Record::default();
    let mut application = application([]);
    start(&mut application).await.unwrap();
    application.services().add_and_start("listener", Waiting(record.clone())).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(record.take(), ["all started, says listener"]);
}

/// Runs a task on each worker.
struct OnAllWorkers(Record);

#[async_trait]
impl Service for OnAllWorkers {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        // One more than there are: the last goes round.
        for index in 0..=cx.workers().len() {
            let record = self.0.clone();
            let task = cx.spawn_on(index, async move {
                record.note(format!("{index} on {:?}", std::thread::current().name()));
                Ok(())
            });
            task.await?;
        }
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn tasks_run_on_the_workers_that_they_are_given() {
    let record = Record::default();
    let mut application = Application::new("test");
    application.add("a", OnAllWorkers(record.clone())).unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (main, worker) = (runtime(), runtime());
    let workers = Workers::new([main.handle().clone(), worker.handle().clone()]);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::Builder::new().name("worker".into());
    let thread = thread.spawn(move || worker.block_on(ended)).unwrap();
    main.block_on(application.start(&Resources::new(), workers)).unwrap();
    end.send(()).unwrap();
    thread.join().unwrap().unwrap();
    let here = format!("{:?}", std::thread::current().name());
    let expected = [format!("0 on {here}"), "1 on Some(\"worker\")".into(), format!("2 on {here}")];
    assert_eq!(record.take(), expected);
}

#[test]
fn paths_join_names_with_dots() {
    let root = ServicePath::root();
    assert_eq!((root.to_string().as_str(), root.name(), root.parent()), ("-", "", None));
    let science = root.child("night").child("science");
    assert_eq!((science.as_str(), science.name()), ("night.science", "science"));
    assert_eq!(science.parent(), Some(root.child("night")));
    assert_eq!(root.child("night").parent(), Some(root));
}
