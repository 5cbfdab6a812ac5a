//! Why a daemon is not ready.

use super::why_not_ready;
use crate::service::{
    Application, BoxError, Context, MultiService, Phase, Resources, Service, ServiceFn,
    ServicePath, Tree, Workers,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Stops when there is a permit.
fn slow(permits: &Arc<Semaphore>) -> ServiceFn {
    let permits = permits.clone();
    ServiceFn::new(move |cx: Context| {
        let permits = permits.clone();
        async move {
            cx.closing().await;
            let _ = permits.acquire().await;
            Ok(())
        }
    })
}

/// Starts once, but not again, until a third attempt.
#[derive(Default)]
struct Moody(u32);

#[async_trait]
impl Service for Moody {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        self.0 += 1;
        if self.0 == 2 { Err("not now".into()) } else { Ok(()) }
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

async fn running(names: &[String], permits: &Arc<Semaphore>) -> (Application, Tree) {
    let mut application = Application::new("test");
    let group = MultiService::new();
    for name in names {
        group.add(name, slow(permits)).unwrap();
    }
    application.add("g", group).unwrap();
    application.start(&Resources::new(), Workers::current()).await.unwrap();
    let tree = application.tree().clone();
    (application, tree)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("s{number}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_start_says_how_far_it_is() {
    let tree = Application::new("test").tree().clone();
    let why = |phase, tree: &Tree| why_not_ready(phase, &tree.entries());
    let none = "starting: 0 of 0 services are running";
    assert_eq!(why(Phase::Starting, &tree).as_deref(), Some(none));
    let permits = Arc::new(Semaphore::new(1));
    let (mut application, tree) = running(&names(2), &permits).await;
    let all = "starting: 3 of 3 services are running";
    assert_eq!(why(Phase::Starting, &tree).as_deref(), Some(all));
    assert_eq!((why(Phase::Running, &tree), why(Phase::Reloading, &tree)), (None, None));
    application.stop(Instant::now() + Duration::from_secs(9)).await.unwrap();
    assert_eq!(why(Phase::Stopping, &tree).as_deref(), Some("stopping"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_names_those_it_waits_for_but_not_too_many() {
    let few = "stopping: waiting for g, g.s0, g.s1, g.s2, g.s3";
    let many = "stopping: waiting for g, g.s0, g.s1, g.s2, g.s3 and 2 more";
    for (count, expected) in [(4, few), (6, many)] {
        let permits = Arc::new(Semaphore::new(0));
        let (mut application, tree) = running(&names(count), &permits).await;
        application.close();
        let stop = application.stop(Instant::now() + Duration::from_secs(9));
        let look = async {
            sleep(Duration::from_secs(1)).await;
            assert_eq!(why_not_ready(Phase::Stopping, &tree.entries()).as_deref(), Some(expected));
            permits.add_permits(1);
        };
        tokio::join!(stop, look).0.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_for_good_is_named_until_the_service_has_started_again() {
    let permits = Arc::new(Semaphore::new(1));
    let (mut application, tree) = running(&names(1), &permits).await;
    let path: ServicePath = "g.moody".parse().unwrap();
    tree.add(&"g".parse().unwrap(), "moody", Moody::default()).await.unwrap();
    assert!(tree.restart(&path).await.is_err());
    for phase in [Phase::Running, Phase::Reloading] {
        assert_eq!(why_not_ready(phase, &tree.entries()).as_deref(), Some("failed: g.moody"));
    }
    tree.start(&path).await.unwrap();
    assert_eq!(why_not_ready(Phase::Running, &tree.entries()), None);
    application.stop(Instant::now() + Duration::from_secs(9)).await.unwrap();
}
