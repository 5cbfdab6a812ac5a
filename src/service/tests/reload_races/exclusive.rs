//! Services that must not run at the same time as others, and that do not run all the time.

use super::*;

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_restart_does_not_meet_the_one_in_its_place() {
    let record = Record::default();
    let (fails, starts) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let with = |store: Actor| {
        let mut restart = Restart::on_failure();
        restart.delay = Duration::from_secs(1);
        tree([("store", managed(store).restart(restart))])
    };
    let first = Actor { fails: Some(fails.clone()), ..Actor::exclusive(&record, 1) };
    let mut running = started(with(first)).await;
    let tree = running.tree().clone();
    fails.notify_one();
    a_moment().await;
    assert_eq!(state(&tree, "store"), Some(State::Waiting));
    record.take();
    let second = Actor { starts: Some(starts.clone()), ..Actor::exclusive(&record, 2) };
    let reloading = begin(&tree, with(second)).await;
    sleep(Duration::from_secs(5)).await;
    starts.notify_one();
    end(reloading).await.unwrap();
    assert_eq!(record.take(), ["start store 2"]);
    assert_eq!(state(&tree, "store"), Some(State::Running));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_restart_still_does_so_if_the_reload_fails() {
    let record = Record::default();
    let fails = Arc::new(Notify::new());
    let with = |store: Actor, other: Managed| {
        let mut restart = Restart::on_failure();
        restart.delay = Duration::from_secs(1);
        tree([("store", managed(store).restart(restart)), ("other", other)])
    };
    let other = || managed(Actor::new(&record, 1));
    let first = Actor { fails: Some(fails.clone()), ..Actor::exclusive(&record, 1) };
    let mut running = started(with(first, other())).await;
    let tree = running.tree().clone();
    fails.notify_one();
    a_moment().await;
    record.take();
    let broken = ServiceFn::ready_when_said(|_| async { Err("broken".into()) });
    let second = Actor::exclusive(&record, 2);
    reload(&tree, with(second, broken.into())).await.unwrap_err();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(record.take(), ["start store 2", "stop store 2", "start store 1"]);
    assert_eq!(state(&tree, "store"), Some(State::Running));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_does_not_meet_the_one_that_is_still_stopping() {
    let record = Record::default();
    let stops = Arc::new(Notify::new());
    let slow = Actor { stops: Some(stops.clone()), ..Actor::exclusive(&record, 1) };
    let mut running = started(tree([("store", managed(slow))])).await;
    let running_tree = running.tree().clone();
    reload(&running_tree, tree([])).await.unwrap();
    assert_eq!(running_tree.draining().len(), 1);
    record.take();
    let again = tree([("store", managed(Actor::exclusive(&record, 2)))]);
    reload(&running_tree, again).await.unwrap();
    assert_eq!(record.take(), ["stop store 1", "start store 2"]);
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_has_finished_does_not_run_again_if_the_reload_fails() {
    let record = Record::default();
    let with = |number: u32, fails: bool| {
        let record = record.clone();
        let job = ServiceFn::new(move |_| {
            record.note(format!("job {number}"));
            async { Ok(()) }
        });
        let other = ServiceFn::ready_when_said(move |cx| async move {
            if fails {
                return Err("broken".into());
            }
            cx.ready();
            cx.closing().await;
            Ok(())
        });
        let (job, other) = (Managed::new(job), Managed::new(other));
        tree([("job", job.settings(Box::new(number))), ("other", other.settings(Box::new(fails)))])
    };
    let mut running = started(with(1, false)).await;
    let tree = running.tree().clone();
    assert_eq!((record.take(), state(&tree, "job")), (vec!["job 1".into()], Some(State::Finished)));
    reload(&tree, with(2, true)).await.unwrap_err();
    assert_eq!((record.take(), state(&tree, "job")), (vec!["job 2".into()], Some(State::Finished)));
    assert_eq!(state(&tree, "other"), Some(State::Running));
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_verdict_names_what_could_not_be_started_again() {
    let with = |works: bool| {
        let times = AtomicU32::new(0);
        let store = ServiceFn::ready_when_said(move |cx| {
            let starts = works && times.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                if !starts {
                    return Err("broken".into());
                }
                cx.ready();
                cx.closing().await;
                Ok(())
            }
        });
        tree([("store", Managed::new(store).settings(Box::new(works)))])
    };
    let mut running = started(with(true)).await;
    let failed = reload(&running.tree().clone(), with(false)).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "service store could not start: broken; except that what had been stopped for the reload could not be started again: store"
    );
    running.stop(soon()).await.unwrap();
}
