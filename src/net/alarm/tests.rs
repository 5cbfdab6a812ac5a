use super::*;
use futures::FutureExt;
use futures::future::join_all;
use tokio::runtime;
use tokio::time::timeout;

/// Bounds a hang.
const HANG_LIMIT: Duration = Duration::from_secs(30);

fn alarm() -> Arc<Alarm> {
    Alarms::of(&Workers::current(), 0).unwrap().sweeps
}

async fn goes_off_at(alarm: &Alarm, time: Instant) {
    timeout(HANG_LIMIT, alarm.at(time)).await.expect("the alarm never goes off");
    assert!(Instant::now() >= time);
}

#[tokio::test]
async fn everybody_is_woken_no_earlier_than_asked_for() {
    let start = Instant::now();
    let times = [20, 5, 0, 12, 5].map(|milliseconds| start + Duration::from_millis(milliseconds));
    let alarm = &alarm();
    let all = times.map(async |time| {
        for again in 0..3 {
            goes_off_at(alarm, time + Duration::from_millis(again)).await;
        }
    });
    join_all(all).await;
}

#[tokio::test]
async fn who_asks_again_is_woken_though_the_first_wait_was_given_up() {
    let alarm = alarm();
    for [first, second] in [[5, 20], [20, 5]] {
        let start = Instant::now();
        let given_up = alarm.at(start + Duration::from_millis(first)).now_or_never();
        assert_eq!(given_up, None);
        goes_off_at(&alarm, start + Duration::from_millis(second)).await;
    }
}

#[test]
fn each_worker_has_one_as_long_as_it_runs() {
    let runtime = || runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (one, other) = (runtime(), runtime());
    let workers = Workers::new([one.handle().clone(), other.handle().clone()]);
    let of_one = Arc::downgrade(&Alarms::of(&workers, 0).unwrap().sweeps);
    let again = Alarms::of(&workers, 0).unwrap();
    assert!(Arc::ptr_eq(&of_one.upgrade().unwrap(), &again.sweeps));
    assert!(!Arc::ptr_eq(&Alarms::of(&workers, 1).unwrap().sweeps, &again.sweeps));
    drop((one, again));
    assert!(of_one.upgrade().is_none());
}
