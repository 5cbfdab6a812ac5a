//! Sockets that a service opens by a `Listen`, to accept clients itself.

use super::*;
use crate::service::{BoxError, Context, PrivilegedContext, Service};
use crate::sockets::LentSocket;
use nix::sys::socket::{getsockopt, sockopt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Sends every client more than fits into any buffer at once, and hangs up. What is sent is counted.
struct Own {
    listen: Listen,
    sockets: Vec<LentSocket>,
    sent: Arc<AtomicUsize>,
    task: Option<JoinHandle<()>>,
}

impl Own {
    fn new(port: u16) -> Self {
        let listen = Listen::new(Interface::resolve("127.0.0.1").unwrap(), port);
        Self { listen, sockets: Vec::new(), sent: Arc::default(), task: None }
    }
}

async fn serve(listener: TcpListener, sent: Arc<AtomicUsize>) -> Result<(), BoxError> {
    loop {
        let (client, _) = listener.accept().await?;
        client.writable().await?;
        sent.fetch_add(client.try_write(&vec![b'x'; 32 << 20])?, Ordering::SeqCst);
    }
}

#[async_trait]
impl Service for Own {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        self.sockets = self.listen.open(cx)?;
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let (listener, sent) = (self.sockets[0].tokio_listener()?, self.sent.clone());
        self.task = Some(cx.spawn(serve(listener, sent)));
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        self.task.take().unwrap().abort();
        self.sockets.clear();
        Ok(())
    }
}

/// An application whose service `server` has opened its sockets.
fn opened(resources: &Resources, server: impl Service) -> Application {
    let mut application = Application::new("test");
    application.add("server", server).unwrap();
    application.privileged_start(resources).unwrap();
    application
}

fn resources() -> (Resources, Sockets) {
    let (resources, sockets) = (Resources::new(), Sockets::new());
    resources.insert(sockets.clone());
    (resources, sockets)
}

fn address(sockets: &Sockets) -> SocketAddr {
    sockets.list()[0].endpoint.address().unwrap()
}

#[tokio::test]
async fn what_a_service_of_its_own_has_sent_before_it_hangs_up_arrives() {
    let (resources, sockets) = resources();
    let own = Own::new(0);
    let sent = own.sent.clone();
    let mut application = opened(&resources, own);
    application.start(&resources, Workers::current()).await.unwrap();
    let mut client = TcpStream::connect(address(&sockets)).await.unwrap();
    let mut received = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut received)).await.unwrap().unwrap();
    assert_eq!(received.len(), sent.load(Ordering::SeqCst));
    assert!(!received.is_empty());
    application.close();
    application.stop(Instant::now() + LIMIT).await.unwrap();
    assert_eq!(sockets.list().len(), 0);
}

/// Whether connections that the listening socket at `address` makes are reset when they are dropped.
async fn resets(sockets: &Sockets) -> bool {
    let client = TcpStream::connect(address(sockets)).await.unwrap();
    let path = sockets.list()[0].service.clone();
    let endpoint = sockets.list()[0].endpoint.clone();
    let lent = sockets.open(&path, &endpoint, &Default::default()).unwrap().unwrap();
    let (accepted, _) = lent.tokio_listener().unwrap().accept().await.unwrap();
    drop(client);
    getsockopt(&accepted, sockopt::Linger).unwrap().l_onoff != 0
}

#[tokio::test]
async fn a_socket_that_services_of_both_sorts_have_serves_each_as_it_needs() {
    let (resources, sockets) = resources();
    let listen = Own::new(0).listen;
    let first = opened(&resources, listen.clone().server(|_| Ok(Nothing)));
    assert!(resets(&sockets).await);
    let port = address(&sockets).port();
    let second = opened(&resources, Own::new(port));
    assert!(!resets(&sockets).await);
    let third = opened(&resources, Listen { port, ..listen }.server(|_| Ok(Nothing)));
    assert!(resets(&sockets).await);
    assert_eq!(sockets.list().len(), 1);
    drop((first, second, third));
}

struct Nothing;

impl Protocol for Nothing {}
