use super::*;
use std::iter;
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

fn wait(attempts: &mut Attempts, policy: &Restart) -> f64 {
    attempts.started();
    match attempts.ended(policy, true) {
        Verdict::RestartAfter(wait) => wait.as_secs_f64(),
        other => panic!("{other:?} instead of a restart"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_wait_is_twice_as_long_up_to_the_longest() {
    let (policy, mut attempts) = (Restart::on_failure(), Attempts::default());
    let waits: Vec<f64> = iter::repeat_with(|| wait(&mut attempts, &policy)).take(12).collect();
    let expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0];
    let close = |(wait, expected): (&f64, &f64)| (wait - expected).abs() < 1e-6;
    assert!(waits.iter().zip(&expected).all(close), "{waits:?}");
    assert_eq!(attempts.failures, 12);
}

#[tokio::test(start_paused = true)]
async fn there_is_always_a_wait() {
    let policy = Restart { delay: Duration::ZERO, max_delay: Duration::ZERO, ..Restart::always() };
    let mut attempts = Attempts::default();
    assert_eq!([wait(&mut attempts, &policy), wait(&mut attempts, &policy)], [0.01, 0.01]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_well_for_the_whole_window_begins_anew() {
    let (policy, mut attempts) = (Restart::on_failure(), Attempts::default());
    for _ in 0..5 {
        wait(&mut attempts, &policy);
    }
    attempts.started();
    advance(policy.window - SECOND).await;
    assert!(matches!(attempts.ended(&policy, true), Verdict::RestartAfter(w) if w > 3 * SECOND));
    attempts.started();
    advance(policy.window).await;
    assert_eq!(attempts.ended(&policy, true), Verdict::RestartAfter(policy.delay));
    assert_eq!(attempts.failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_the_restarts_within_the_window() {
    let policy = Restart { limit: Some(3), window: 10 * SECOND, ..Restart::on_failure() };
    let mut attempts = Attempts::default();
    for _ in 0..3 {
        wait(&mut attempts, &policy);
        advance(3 * SECOND).await;
    }
    assert_eq!(attempts.ended(&policy, true), Verdict::LimitReached(3));
    advance(SECOND).await; // the first of them is 10 seconds ago
    assert!(matches!(attempts.ended(&policy, true), Verdict::RestartAfter(_)));
    assert_eq!(attempts.ended(&policy, true), Verdict::LimitReached(3));
}

#[test]
fn an_end_without_error_is_followed_by_a_restart_only_where_always_is_said() {
    let mut attempts = Attempts::default();
    assert_eq!(attempts.ended(&Restart::never(), true), Verdict::NotCovered);
    assert_eq!(attempts.ended(&Restart::on_failure(), false), Verdict::NotCovered);
    let restarted = attempts.ended(&Restart::always(), false);
    assert!(matches!(restarted, Verdict::RestartAfter(_)), "{restarted:?}");
}
