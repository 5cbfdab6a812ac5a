//! Reloads of services that are not running, and of restart policies.

use super::*;
use crate::service::{Managed, ReloadMode, ReloadReport, Restart, ServiceFn, ServicePath, State};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Makes services that note their runs, and fail when they are told to.
#[derive(Clone, Default)]
struct Maker {
    record: Record,
    fail: Arc<Notify>,
}

impl Maker {
    /// A service with this number as its settings.
    fn part(&self, number: u32) -> Managed {
        let (record, fail) = (self.record.clone(), self.fail.clone());
        let service = ServiceFn::new(move |cx| {
            let (record, fail) = (record.clone(), fail.clone());
            async move {
                record.note(format!("run {} {number}", cx.path()));
                tokio::select! {
                    () = fail.notified() => Err("out of ink".into()),
                    () = cx.closing() => Ok(()),
                }
            }
        });
        Managed::new(service).settings(Box::new(number))
    }

    async fn fail(&self) {
        self.fail.notify_waiters();
        sleep(SECOND / 10).await;
    }
}

fn tree<const N: usize>(services: [(&str, Managed); N]) -> Application {
    let application = Application::new("test");
    for (name, service) in services {
        application.services().add(name, service).unwrap();
    }
    application
}

fn group(name: &str, service: Managed) -> Managed {
    let group = MultiService::new();
    group.add(name, service).unwrap();
    Managed::new(group)
}

async fn started(mut application: Application) -> Application {
    start(&mut application).await.unwrap();
    sleep(SECOND / 10).await;
    application
}

async fn reload(running: &Application, new: Application) -> ReloadReport {
    let reload = running.tree().reload(new, ReloadMode::Change);
    let report = timeout(3600 * SECOND, reload).await.expect("the reload hangs").unwrap();
    sleep(SECOND / 10).await;
    report
}

fn state(application: &Application, path: &str) -> State {
    application.tree().report(&path.parse().unwrap()).unwrap().state
}

/// A policy whose first wait is this long.
fn after(delay: Duration) -> Restart {
    let mut restart = Restart::on_failure();
    (restart.delay, restart.max_delay) = (delay, delay);
    restart
}

fn updated(report: &ReloadReport) -> Vec<String> {
    report.updated.iter().map(|(path, what)| format!("{path}: {what}")).collect()
}

#[tokio::test(start_paused = true)]
async fn another_policy_of_a_service_or_a_group_is_in_effect_without_a_restart() {
    let m = Maker::default();
    let mut running = started(tree([("g", group("a", m.part(1)))])).await;
    let report =
        reload(&running, tree([("g", group("a", m.part(1).restart(after(SECOND))))])).await;
    assert_eq!(updated(&report), ["g.a: another restart policy"]);
    assert_eq!((report.kept, m.record.take()), (1, vec!["run g.a 1".to_owned()]));
    m.fail().await;
    assert_eq!(state(&running, "g.a"), State::Waiting);
    sleep(SECOND).await;
    assert_eq!(m.record.take(), ["run g.a 1"]);

    let of_group = tree([("g", group("a", m.part(1)).restart(after(SECOND)))]);
    let report = reload(&running, of_group).await;
    assert_eq!(updated(&report), ["g: another restart policy", "g.a: another restart policy"]);
    assert_eq!(m.record.take(), Vec::<String>::new());
    m.fail().await;
    assert_eq!(state(&running, "g"), State::Waiting);
    sleep(SECOND).await;
    assert_eq!(
        (state(&running, "g.a"), m.record.take()),
        (State::Running, vec!["run g.a 1".to_owned()])
    );
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_restart_waits_on_or_is_replaced_at_once() {
    for number in [1, 2] {
        let m = Maker::default();
        let with =
            |number| tree([("a", m.part(number).restart(after(30 * SECOND))), ("b", m.part(9))]);
        let lonely = |number| tree([("a", m.part(number).restart(after(30 * SECOND)))]);
        let mut running = started(lonely(1)).await;
        m.fail().await;
        assert_eq!(state(&running, "a"), State::Waiting);
        m.record.take();
        let report = reload(&running, with(number)).await;
        let (kept, expected) = if number == 1 {
            (1, (State::Waiting, vec!["run b 9".to_owned()]))
        } else {
            (0, (State::Running, vec!["run a 2".to_owned(), "run b 9".to_owned()]))
        };
        assert_eq!((report.kept, (state(&running, "a"), m.record.take())), (kept, expected));
        sleep(60 * SECOND).await;
        let later = if number == 1 { vec!["run a 1".to_owned()] } else { Vec::new() };
        assert_eq!((state(&running, "a"), m.record.take()), (State::Running, later));
        running.stop(soon()).await.unwrap();
        assert!(running.tree().draining().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_has_failed_for_good_is_started_anew_though_nothing_has_changed() {
    let m = Maker::default();
    let same = || tree([("a", m.part(1))]);
    let mut running = started(same()).await;
    m.fail().await;
    assert_eq!(state(&running, "a"), State::Failed);
    m.record.take();
    let report = reload(&running, same()).await;
    assert_eq!((report.kept, report.replaced.len()), (0, 1));
    assert_eq!(
        (state(&running, "a"), m.record.take()),
        (State::Running, vec!["run a 1".to_owned()])
    );
    running.stop(soon()).await.unwrap();
}

/// It was added without settings, so that nothing says that it is the same.
#[tokio::test(start_paused = true)]
async fn one_of_the_file_replaces_one_of_its_name_that_was_added_while_running() {
    let m = Maker::default();
    let mut running = started(tree([("a", m.part(1))])).await;
    let root = ServicePath::root();
    running.tree().add(&root, "b", m.part(2)).await.unwrap();
    running.tree().add(&root, "c", m.part(3)).await.unwrap();
    sleep(SECOND).await;
    m.record.take();
    let report = reload(&running, tree([("b", m.part(4)), ("a", m.part(1))])).await;
    assert_eq!(report.replaced, ["b".parse().unwrap()]);
    assert_eq!(m.record.take(), ["run b 4"]);
    // It is the file's from now on: without it there, it goes. The other one stays.
    let report = reload(&running, tree([("a", m.part(1))])).await;
    assert_eq!(report.removed, ["b".parse().unwrap()]);
    let paths = running.tree().list().into_iter().map(|service| service.path.to_string());
    assert_eq!(paths.collect::<Vec<_>>(), ["a", "c"]);
    running.stop(soon()).await.unwrap();
}
