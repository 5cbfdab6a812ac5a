//! A stop whose future is dropped, and that is called again with an earlier deadline.

use super::*;
use crate::service::{BoxError, Context, PrivilegedContext};

fn context() -> (Context, impl Sized) {
    let resources = Resources::new();
    Sockets::new().lend(&resources);
    let (root, failures) = Context::root(resources, Workers::current());
    (root.child("server"), failures)
}

async fn drop_a_stop(service: &mut impl Service) {
    let stop = service.stop(Instant::now() + LIMIT);
    timeout(Duration::from_millis(20), stop).await.expect_err("there is work in progress");
}

/// Drops the first stop of a server in the middle.
struct StopsTwice(TcpServer);

#[async_trait]
impl Service for StopsTwice {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        self.0.privileged_start(cx)
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.0.start(cx).await
    }

    fn close(&mut self) {
        self.0.close();
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        drop_a_stop(&mut self.0).await;
        self.0.stop(deadline).await
    }
}

#[tokio::test]
async fn a_second_stop_cuts_what_the_first_was_waiting_for() {
    let interface = Interface::resolve("127.0.0.1").unwrap();
    let server = StopsTwice(TcpServer::new(interface, 0, |_| Ok(Echo)));
    let mut running = Running::start_server(Workers::current(), server, |_| {}).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    running.application.close();
    running.application.stop(Instant::now() + Duration::from_millis(100)).await.unwrap();
    assert_reset(&mut client).await;
}

#[tokio::test]
async fn a_second_stop_of_a_function_with_listeners_waits_for_it_too() {
    let (cx, _failures) = context();
    let listen = Listen::new(Interface::resolve("127.0.0.1").unwrap(), 0);
    let mut service = listen.serve(|_, _| std::future::pending());
    service.privileged_start(cx.privileged()).unwrap();
    service.start(&cx).await.unwrap();
    drop_a_stop(&mut service).await;
    let error = service.stop(Instant::now()).await.unwrap_err().to_string();
    assert_eq!(error, "its function had not returned at the deadline");
}
