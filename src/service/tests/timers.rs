//! Services that call a function at regular times.

use super::*;
use crate::service::{Managed, Restart, TimerService};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Calls a function each 10 seconds that takes so long.
fn timer(record: &Record, takes: Duration) -> TimerService {
    let (record, begin) = (record.clone(), Instant::now());
    TimerService::new(10 * SECOND, move |_| {
        let record = record.clone();
        async move {
            record.note(format!("at {}", begin.elapsed().as_secs()));
            sleep(takes).await;
            record.note("done");
            Ok(())
        }
    })
}

async fn run_for(seconds: u64, service: impl Into<Managed>) -> Application {
    let mut application = Application::new("test");
    application.add("timer", service).unwrap();
    start(&mut application).await.unwrap();
    sleep(u32::try_from(seconds).unwrap() * SECOND).await;
    application
}

fn calls(record: &Record) -> Vec<String> {
    record.take().into_iter().filter(|entry| entry.starts_with("at ")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_call_is_at_the_start_or_one_interval_later() {
    let record = Record::default();
    let mut application = run_for(25, timer(&record, Duration::ZERO)).await;
    application.stop(soon()).await.unwrap();
    assert_eq!(calls(&record), ["at 0", "at 10", "at 20"]);
    let timer = timer(&record, Duration::ZERO).after_one_interval();
    let mut application = run_for(25, timer).await;
    application.stop(soon()).await.unwrap();
    assert_eq!(calls(&record), ["at 10", "at 20"]);
}

#[tokio::test(start_paused = true)]
async fn calls_never_overlap_and_the_times_that_pass_meanwhile_are_left_out() {
    let record = Record::default();
    let mut application = run_for(65, timer(&record, 25 * SECOND)).await;
    application.stop(soon() + 60 * SECOND).await.unwrap();
    assert_eq!(record.take(), ["at 0", "done", "at 30", "done", "at 60", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_progress_is_waited_for_until_the_deadline() {
    let record = Record::default();
    let mut application = run_for(12, timer(&record, 5 * SECOND)).await;
    application.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["at 0", "done", "at 10", "done"]);
    let mut application = run_for(12, timer(&record, 3600 * SECOND)).await;
    application.stop(soon()).await.unwrap_err();
    assert_eq!(record.take(), ["at 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_the_failure_of_the_service() {
    let failing = || TimerService::new(10 * SECOND, |_| async { Err("out of ink".into()) });
    let mut application = run_for(0, failing()).await;
    let failure = application.failure().await;
    assert_eq!(failure.to_string(), "service timer failed: out of ink");
    application.stop(soon()).await.unwrap();
    let mut application = run_for(5, Managed::new(failing()).restart(Restart::on_failure())).await;
    let report = application.tree().report(&"timer".parse().unwrap()).unwrap();
    assert!(report.restarts > 3, "{report:?}");
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_interval_beyond_all_clocks_never_passes() {
    let never = TimerService::new(Duration::MAX, |_| async { Ok(()) }).after_one_interval();
    let mut application = run_for(1_000_000, never).await;
    application.stop(soon()).await.unwrap();
}
