//! Services in one function.

use super::*;
use crate::service::{ServiceFn, State};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::sleep;

/// An application with one service, called `a`.
fn one(service: ServiceFn) -> Application {
    let mut application = Application::new("test");
    application.add("a", service).unwrap();
    application
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_the_loop_runs_after_the_drain() {
    let record = Record::default();
    let noted = record.clone();
    let mut application = one(ServiceFn::new(move |cx| {
        let record = noted.clone();
        async move {
            record.note("begins");
            cx.closing().await;
            sleep(Duration::from_secs(5)).await;
            record.note("drained");
            record.note("saved");
            Ok(())
        }
    }));
    start(&mut application).await.unwrap();
    settle().await;
    assert_eq!(record.take(), ["begins"]);
    application.close();
    application.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["drained", "saved"]);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_called_again() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let mut application = one(ServiceFn::new(move |cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            cx.closing().await;
            Ok(())
        }
    }));
    for run in 1..=3 {
        start(&mut application).await.unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), run);
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_has_started_when_it_says_so() {
    let mut application = one(ServiceFn::ready_when_said(|cx| async move {
        sleep(Duration::from_secs(7)).await;
        cx.ready();
        cx.closing().await;
        Ok(())
    }));
    let begun = Instant::now();
    start(&mut application).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_before_it_is_ready_has_failed_to_start() {
    type End = fn() -> Result<(), BoxError>;
    let ends: [(End, &str); 3] = [
        (|| Ok(()), "it ended before it was ready"),
        (|| Err("out of ink".into()), "out of ink"),
        (|| panic!("out of paper"), "panicked: out of paper"),
    ];
    for (end, expected) in ends {
        let mut application = one(ServiceFn::ready_when_said(move |_| async move { end() }));
        let error = start(&mut application).await.unwrap_err();
        assert_eq!(error.to_string(), format!("service a could not start: {expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_by_itself_has_finished_and_the_others_go_on() {
    let mut application = one(ServiceFn::new(|_| async { Ok(()) }));
    application.add("b", Record::default().service()).unwrap();
    start(&mut application).await.unwrap();
    settle().await;
    assert_eq!(application.services().state("a"), Some(State::Finished));
    assert_eq!(application.services().state("b"), Some(State::Running));
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_or_a_panic_is_the_failure_of_the_service() {
    let ends: [fn() -> Result<(), BoxError>; 2] =
        [|| Err("out of ink".into()), || panic!("out of ink")];
    for end in ends {
        let mut application = one(ServiceFn::new(move |_| async move {
            sleep(Duration::from_secs(1)).await;
            end()
        }));
        start(&mut application).await.unwrap();
        let failure = application.failure().await.to_string();
        assert!(failure.starts_with("service a failed: "), "{failure}");
        assert!(failure.ends_with("out of ink"), "{failure}");
        application.stop(soon()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_after_it_was_told_to_close_is_reported_by_the_stop() {
    let mut application = one(ServiceFn::new(|cx| async move {
        cx.closing().await;
        Err("the disk is full".into())
    }));
    start(&mut application).await.unwrap();
    let errors = application.stop(soon()).await.unwrap_err();
    assert_eq!(errors.to_string(), "service a did not stop cleanly: the disk is full");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_return_is_dropped_at_the_deadline() {
    struct Dropped(Record);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.note("dropped");
        }
    }
    let record = Record::default();
    let noted = record.clone();
    let mut application = one(ServiceFn::new(move |_| {
        let dropped = Dropped(noted.clone());
        async move {
            let _dropped = dropped;
            std::future::pending().await
        }
    }));
    start(&mut application).await.unwrap();
    let errors = application.stop(soon()).await.unwrap_err();
    assert!(
        errors.to_string().ends_with("its function had not returned at the deadline"),
        "{errors}"
    );
    settle().await;
    assert_eq!(record.take(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn names_are_optional() {
    let mut application = Application::new("test");
    let wait = || {
        ServiceFn::new(|cx| async move {
            cx.closing().await;
            Ok(())
        })
    };
    let names = [application.push(wait()).unwrap(), application.push(wait()).unwrap()];
    assert_eq!(names, ["service-1", "service-2"]);
    application.add("service-3", wait()).unwrap();
    assert_eq!(application.push(wait()).unwrap(), "service-4");
    start(&mut application).await.unwrap();
    application.stop(soon()).await.unwrap();
}

/// Drops a stop in the middle, and stops again at once.
async fn stopped_twice(mut service: impl Service) -> String {
    let (cx, _failures) = Context::root(Resources::new(), Workers::current());
    service.start(&cx).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let stop = service.stop(soon());
    tokio::time::timeout(Duration::from_millis(1), stop).await.expect_err("it is still at work");
    service.stop(Instant::now()).await.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_waits_for_what_the_first_was_waiting_for() {
    let late = "its function had not returned at the deadline";
    assert_eq!(stopped_twice(ServiceFn::new(|_| std::future::pending())).await, late);
    let timer =
        crate::service::TimerService::new(Duration::from_secs(1), |_| std::future::pending());
    assert_eq!(stopped_twice(timer).await, late);
    let client = crate::service::ClientService::new(|_| async { Ok(((), std::future::pending())) });
    assert_eq!(stopped_twice(client).await, late);
}
