//! Services that fail while they run, and what their policies make of it.

use super::*;
use crate::service::{Managed, Restart, ServiceFn, State};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Notes its runs, and fails in each run whose number is in `failing`, after a second.
fn failing(record: &Record, runs: &Arc<AtomicUsize>, failing: &'static [usize]) -> ServiceFn {
    let (record, runs) = (record.clone(), runs.clone());
    ServiceFn::new(move |cx| {
        let (record, run) = (record.clone(), runs.fetch_add(1, Ordering::Relaxed) + 1);
        async move {
            record.note(format!("run {run} of {}", cx.path()));
            if failing.contains(&run) {
                sleep(SECOND).await;
                return Err("out of ink".into());
            }
            cx.closing().await;
            record.note(format!("closed {}", cx.path()));
            Ok(())
        }
    })
}

fn every_run() -> &'static [usize] {
    const ALL: [usize; 1000] = {
        let mut all = [0; 1000];
        let mut n = 0;
        while n < all.len() {
            all[n] = n + 1;
            n += 1;
        }
        all
    };
    &ALL
}

fn limited(limit: u32) -> Restart {
    let mut restart = Restart::on_failure();
    restart.limit = Some(limit);
    restart
}

fn state(application: &Application, path: &str) -> State {
    application.tree().report(&path.parse().unwrap()).unwrap().state
}

#[tokio::test(start_paused = true)]
async fn a_failed_service_is_restarted_and_its_siblings_are_not_touched() {
    let (record, runs) = (Record::default(), Arc::default());
    let mut application = Application::new("test");
    application.add("a", failing(&record, &Arc::default(), &[])).unwrap();
    let b = Managed::new(failing(&record, &runs, &[1, 2])).restart(Restart::on_failure());
    application.add("b", b).unwrap();
    start(&mut application).await.unwrap();
    sleep(10 * SECOND).await;
    assert_eq!(record.take(), ["run 1 of a", "run 1 of b", "run 2 of b", "run 3 of b"]);
    let report = application.tree().report(&"b".parse().unwrap()).unwrap();
    assert_eq!((report.state, report.restarts), (State::Running, 2));
    assert_eq!(report.failure.as_deref(), Some("service b failed: out of ink"));
    application.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["closed b", "closed a"]);
}

#[tokio::test(start_paused = true)]
async fn the_waits_grow_as_promised() {
    let (record, runs) = (Record::default(), Arc::default());
    let mut application = Application::new("test");
    let a = Managed::new(failing(&record, &runs, every_run())).restart(Restart::on_failure());
    application.add("a", a).unwrap();
    let begin = Instant::now();
    start(&mut application).await.unwrap();
    let mut starts = Vec::new();
    while starts.len() < 12 {
        if runs.load(Ordering::Relaxed) > starts.len() {
            starts.push(begin.elapsed());
        }
        sleep(Duration::from_millis(1)).await;
    }
    let waits: Vec<u64> =
        starts.windows(2).map(|pair| (pair[1] - pair[0] - SECOND).as_millis() as u64).collect();
    let expected = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
    let close = |(wait, expected): (&u64, &u64)| wait.abs_diff(*expected) <= 20;
    assert!(waits.iter().zip(&expected).all(close), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn what_it_is_doing_can_be_seen_at_every_step() {
    let (record, runs) = (Record::default(), Arc::default());
    let mut application = Application::new("test");
    let mut restart = Restart::on_failure();
    restart.delay = 5 * SECOND;
    let a = Managed::new(failing(&record, &runs, &[1])).restart(restart);
    application.add("a", a).unwrap();
    start(&mut application).await.unwrap();
    assert_eq!(state(&application, "a"), State::Running);
    sleep(2 * SECOND).await;
    let report = application.tree().report(&"a".parse().unwrap()).unwrap();
    assert_eq!(report.state, State::Waiting);
    assert_eq!(report.failure.as_deref(), Some("service a failed: out of ink"));
    assert!(report.next_start.is_some());
    sleep(5 * SECOND).await;
    assert_eq!(state(&application, "a"), State::Running);
    application.stop(soon()).await.unwrap();
    assert_eq!(state(&application, "a"), State::Stopped);
}

#[tokio::test(start_paused = true)]
async fn it_is_the_same_instance_with_the_same_handle() {
    let mut application = Application::new("test");
    let counter: Arc<AtomicUsize> = Arc::default();
    let service = failing(&Record::default(), &counter, &[1]).handle(counter.clone());
    application.add("a", Managed::new(service).restart(Restart::on_failure())).unwrap();
    let found: Arc<std::sync::Mutex<Option<Arc<AtomicUsize>>>> = Arc::default();
    let finding = found.clone();
    let finder = ServiceFn::new(move |cx| {
        *finding.lock().unwrap() = cx.find("a").ok();
        async { Ok(()) }
    });
    application.add("finder", finder).unwrap();
    start(&mut application).await.unwrap();
    sleep(5 * SECOND).await;
    let found = found.lock().unwrap().clone().unwrap();
    assert_eq!(found.load(Ordering::Relaxed), 2, "it shows the runs of the service");
    application.stop(soon()).await.unwrap();
}

/// In each of these, only the policy decides what follows.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_task_in_the_start_and_in_the_stop_is_dealt_with_like_an_error() {
    let record = Record::default();
    let troubles =
        [PanicsIn(Step::Run), FailsTo(Step::Run), PanicsIn(Step::Stop), PanicsIn(Step::Start)];
    for trouble in troubles {
        let mut application = Application::new("test");
        let troubled = Troubled { trouble, runs: 0, record: record.clone() };
        application.add("a", Managed::new(troubled).restart(Restart::on_failure())).unwrap();
        start(&mut application).await.unwrap();
        sleep(5 * SECOND).await;
        assert_eq!(record.take().last().unwrap(), "run 3", "{}", trouble_name(trouble));
        assert_eq!(state(&application, "a"), State::Running);
        assert!(timeout(SECOND, application.failure()).await.is_err());
        application.stop(soon()).await.unwrap();
        record.take();
    }
}

fn trouble_name(trouble: Trouble) -> &'static str {
    match trouble {
        PanicsIn(Step::Start) => "a panic in the start",
        PanicsIn(Step::Stop) => "a panic in the stop",
        _ => "a failure of a task",
    }
}

/// Fails in its first run, and has its trouble in the first two.
struct Troubled {
    trouble: Trouble,
    runs: usize,
    record: Record,
}

#[async_trait]
impl Service for Troubled {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.runs += 1;
        self.record.note(format!("run {}", self.runs));
        let (run, trouble) = (self.runs, self.trouble);
        assert!(run != 2 || trouble != PanicsIn(Step::Start), "out of paper");
        cx.spawn(async move {
            match (run, trouble) {
                (1 | 2, PanicsIn(Step::Run)) => panic!("out of paper"),
                (1 | 2, _) => Err("out of ink".into()),
                _ => Ok(()),
            }
        });
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        assert!(self.runs > 2 || self.trouble != PanicsIn(Step::Stop), "out of paper");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_to_start_at_first_fails_the_start_of_the_application() {
    let mut application = Application::new("test");
    let a = Record::default().troubled(FailsTo(Step::Start));
    application.add("a", Managed::new(a).restart(Restart::always())).unwrap();
    let error = start(&mut application).await.unwrap_err();
    assert_eq!(error.to_string(), "service a could not start: out of ink");
}

#[tokio::test(start_paused = true)]
async fn beyond_its_limit_the_failure_is_the_group_s_and_beyond_that_the_application_s() {
    let (record, runs) = (Record::default(), Arc::default());
    let mut application = Application::new("test");
    let group = MultiService::new();
    group.add("sibling", failing(&record, &Arc::default(), &[])).unwrap();
    let a = Managed::new(failing(&record, &runs, every_run())).restart(limited(1));
    group.add("a", a).unwrap();
    application.add("bystander", failing(&record, &Arc::default(), &[])).unwrap();
    application.add("night", Managed::new(group).restart(limited(1))).unwrap();
    start(&mut application).await.unwrap();
    let failure = timeout(100 * SECOND, application.failure()).await.unwrap();
    assert_eq!(failure.to_string(), "service night.a failed: out of ink");
    let expected = [
        "run 1 of bystander",
        "run 1 of night.sibling",
        "run 1 of night.a",
        "run 2 of night.a",
        "closed night.sibling", // the group is restarted
        "run 2 of night.sibling",
        "run 3 of night.a",
    ];
    assert_eq!(record.take(), expected);
    assert_eq!(state(&application, "night.a"), State::Failed);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_deals_with_the_failures_of_services_without_a_policy() {
    let (record, runs) = (Record::default(), Arc::default());
    let mut application = Application::new("test");
    let (outer, inner) = (MultiService::new(), MultiService::new());
    inner.add("a", failing(&record, &runs, &[1])).unwrap();
    outer.add("inner", inner).unwrap();
    application.add("outer", Managed::new(outer).restart(Restart::on_failure())).unwrap();
    start(&mut application).await.unwrap();
    sleep(5 * SECOND).await;
    assert_eq!(record.take(), ["run 1 of outer.inner.a", "run 2 of outer.inner.a"]);
    assert_eq!(state(&application, "outer.inner.a"), State::Running);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_end_without_error_is_followed_by_a_restart_only_where_always_is_said() {
    let policies = [
        (Restart::never(), State::Finished, 1),
        (Restart::on_failure(), State::Finished, 1),
        (Restart::always(), State::Running, 2),
    ];
    for (restart, expected, expected_runs) in policies {
        let runs: Arc<AtomicUsize> = Arc::default();
        let counted = runs.clone();
        let service = ServiceFn::new(move |cx| {
            let run = counted.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                if run > 1 {
                    cx.closing().await;
                }
                Ok(())
            }
        });
        let mut application = Application::new("test");
        application.add("a", Managed::new(service).restart(restart)).unwrap();
        start(&mut application).await.unwrap();
        sleep(5 * SECOND).await;
        assert_eq!(state(&application, "a"), expected);
        assert_eq!(runs.load(Ordering::Relaxed), expected_runs);
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_restart_that_is_to_come() {
    let (record, runs) = (Record::default(), Arc::default());
    let mut application = Application::new("test");
    let mut restart = Restart::on_failure();
    restart.delay = 30 * SECOND;
    let a = Managed::new(failing(&record, &runs, &[1])).restart(restart);
    application.add("a", a).unwrap();
    start(&mut application).await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!(state(&application, "a"), State::Waiting);
    let begin = Instant::now();
    application.stop(soon()).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
    sleep(60 * SECOND).await;
    assert_eq!(record.take(), ["run 1 of a"]);
}

/// Never comes back from its second start.
struct HangsInRestart(usize, Record);

#[async_trait]
impl Service for HangsInRestart {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.0 += 1;
        if self.0 == 2 {
            self.1.note("hangs");
            std::future::pending::<()>().await;
        }
        cx.spawn(async { Err("out of ink".into()) });
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        self.1.note("stopped");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_restart_that_hangs() {
    let record = Record::default();
    let mut application = Application::new("test");
    let a = Managed::new(HangsInRestart(0, record.clone())).restart(Restart::on_failure());
    application.add("a", a).unwrap();
    start(&mut application).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(
        (record.take(), state(&application, "a")),
        (vec!["stopped".into(), "hangs".into()], State::Starting)
    );
    let begin = Instant::now();
    application.stop(soon()).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(record.take(), ["stopped"], "what had been begun is stopped");
}

/// Several tasks of one run fail: that is one failure.
#[tokio::test(start_paused = true)]
async fn a_run_fails_only_once() {
    let mut application = Application::new("test");
    let runs: Arc<AtomicUsize> = Arc::default();
    let counted = runs.clone();
    let service = ServiceFn::new(move |cx| {
        let run = counted.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            for _ in 0..10 {
                let failing = run == 1;
                cx.spawn(async move { if failing { Err("out of ink".into()) } else { Ok(()) } });
            }
            cx.closing().await;
            Ok(())
        }
    });
    application.add("a", Managed::new(service).restart(Restart::on_failure())).unwrap();
    start(&mut application).await.unwrap();
    sleep(10 * SECOND).await;
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn counters_go_on_after_a_restart_and_the_service_s_own_line_begins_anew() {
    let mut application = Application::new("test");
    let service = ServiceFn::new(|cx| {
        cx.counter("runs", "How often it has run.").add(1);
        async move {
            if cx.counter("runs", "How often it has run.").get() < 3 {
                cx.status("failing soon");
                return Err("out of ink".into());
            }
            cx.closing().await;
            Ok(())
        }
    });
    application.add("a", Managed::new(service).restart(Restart::on_failure())).unwrap();
    start(&mut application).await.unwrap();
    sleep(SECOND).await;
    let report = application.tree().report(&"a".parse().unwrap()).unwrap();
    assert_eq!((report.counters[0].value, report.status), (3, None));
    application.stop(soon()).await.unwrap();
}
