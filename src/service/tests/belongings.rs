//! What services have of the process while they are restarted, and what is remembered for ever: nothing.

use super::*;
use crate::service::{IfFound, Managed, Restart, ServiceFn, ServicePath, State};
use crate::sockets::{Endpoint, LentSocket, ListenOptions, Sockets};
use std::path::PathBuf;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Listens. Fails a second after its first start, and so many times when it is started again.
struct Listening {
    socket: Option<LentSocket>,
    starts: usize,
    failing_starts: usize,
}

impl Listening {
    fn new(failing_starts: usize) -> Self {
        Self { socket: None, starts: 0, failing_starts }
    }
}

fn name_of_socket(path: &ServicePath) -> PathBuf {
    format!("@poetryd-belongings-{}-{path}", std::process::id()).into()
}

#[async_trait]
impl Service for Listening {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.starts += 1;
        if (2..2 + self.failing_starts).contains(&self.starts) {
            return Err("out of paper".into());
        }
        let endpoint = Endpoint::Unix(name_of_socket(cx.path()));
        let sockets = cx.resource::<Sockets>().unwrap();
        self.socket = sockets.open(cx.path(), &endpoint, &ListenOptions::default())?;
        if self.starts == 1 {
            cx.spawn(async {
                sleep(SECOND).await;
                Err("out of ink".into())
            });
        }
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        self.socket = None;
        Ok(())
    }
}

async fn running(service: impl Into<Managed>) -> (Application, Sockets) {
    let mut application = Application::new("test");
    let (sockets, resources) = (Sockets::new(), Resources::new());
    sockets.lend(&resources);
    application.add("a", service).unwrap();
    application.start(&resources, Workers::current()).await.unwrap();
    (application, sockets)
}

fn path(text: &str) -> ServicePath {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_has_failed_for_good_after_a_restart_by_path_has_no_sockets() {
    let (mut application, sockets) = running(Listening::new(1)).await;
    application.tree().restart(&path("a")).await.unwrap_err();
    sleep(SECOND).await;
    assert_eq!(application.tree().report(&path("a")).unwrap().state, State::Failed);
    assert!(sockets.list().is_empty(), "clients wait for nobody: {:?}", sockets.list());
    application.tree().start(&path("a")).await.unwrap();
    assert_eq!(sockets.list().len(), 1);
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn sockets_stay_open_when_a_failure_is_passed_on_to_the_group() {
    let group = MultiService::new();
    let mut own = Restart::on_failure();
    own.limit = Some(2);
    group.add("b", Managed::new(Listening::new(2)).restart(own)).unwrap();
    let mut restart = Restart::on_failure();
    restart.delay = 60 * SECOND;
    let (mut application, sockets) = running(Managed::new(group).restart(restart)).await;
    sleep(10 * SECOND).await;
    assert_eq!(application.tree().report(&path("a")).unwrap().state, State::Waiting);
    assert_eq!(sockets.list().len(), 1, "clients wait for the restart of the group");
    sleep(60 * SECOND).await;
    assert_eq!(application.tree().report(&path("a.b")).unwrap().state, State::Running);
    assert_eq!(sockets.list().len(), 1);
    application.stop(soon()).await.unwrap();
    assert!(sockets.list().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_found_and_is_gone_is_forgotten() {
    let mut application = application([]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let finder = ServiceFn::new(move |cx| {
        sender.send(cx.clone()).unwrap();
        async move {
            cx.closing().await;
            Ok(())
        }
    });
    application.add("finder", finder).unwrap();
    start(&mut application).await.unwrap();
    let (cx, tree) = (receiver.recv().unwrap(), application.tree().clone());
    for _ in 0..200 {
        let job = Record::default().service().shows("job");
        tree.add(&ServicePath::root(), "job", job).await.unwrap();
        cx.find::<&'static str>("job").unwrap();
        cx.child("part").find::<&'static str>("job").unwrap();
        tree.remove(&path("job"), IfFound::StopAnyway).await.unwrap();
    }
    assert!(cx.slot().remembered() < 50, "{}", cx.slot().remembered());
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_has_failed_while_it_ran_or_has_finished_can_be_started() {
    for outcome in [Err("out of ink"), Ok(())] {
        let mut application = application([]);
        let ending = ServiceFn::new(move |cx| async move {
            let runs = cx.counter("runs", "How often it has run.");
            runs.add(1);
            if runs.get() == 1 {
                return outcome.map_err(BoxError::from);
            }
            cx.closing().await;
            Ok(())
        });
        application.add("a", ending).unwrap();
        start(&mut application).await.unwrap();
        sleep(SECOND).await;
        let state =
            |application: &Application| application.tree().report(&path("a")).unwrap().state;
        assert!(matches!(state(&application), State::Failed | State::Finished));
        application.tree().start(&path("a")).await.unwrap();
        assert_eq!(state(&application), State::Running);
        application.stop(soon()).await.unwrap();
    }
}

/// A service that is added to a group while that starts is started by whoever adds it.
#[tokio::test(start_paused = true)]
async fn one_that_is_added_to_a_group_that_is_starting_is_started_and_stopped() {
    let record = Record::default();
    let mut application = Application::new("test");
    let (services, noted) = (application.services().clone(), record.clone());
    let adding = ServiceFn::ready_when_said(move |cx| {
        let (services, noted) = (services.clone(), noted.clone());
        async move {
            services.add_and_start("late", noted.service()).await?;
            cx.ready();
            drop(services);
            cx.closing().await;
            Ok(())
        }
    });
    application.add("adding", adding).unwrap();
    start(&mut application).await.unwrap();
    assert_eq!(record.take(), ["prepare late", "start late"]);
    application.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["close late", "stop late", "stopped late"]);
}
