//! A service that listens on a TCP port.

use super::accept::{Shared, accept_loop};
use super::burst::Burst;
use super::closing::reset_when_dropped;
use super::deliver::UNSENT;
use super::{ConnectionLimit, Interface, Protocol};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use crate::sockets::{ListenError, Sockets};
use async_trait::async_trait;
use futures::future::join_all;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often a common free port is looked for, for the several addresses of one name.
const PORT_ATTEMPTS: usize = 16;

/// What can be set about a [`TcpServer`], beside where it listens.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpOptions {
    /// How many clients may wait in the kernel to be accepted. The kernel takes at most
    /// `net.core.somaxconn`.
    pub backlog: u32,
    /// How many connections this service has at once; `None`: it shares the process's
    /// [`ConnectionLimit`].
    pub max_connections: Option<usize>,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// How long a client that has got everything may keep its side of the connection open.
    pub linger_timeout: Duration,
}

impl Default for TcpOptions {
    /// A backlog of 4096, the process's limit, 60 seconds, 5 seconds.
    fn default() -> Self {
        Self {
            backlog: 4096,
            max_connections: None,
            write_timeout: Duration::from_secs(60),
            linger_timeout: Duration::from_secs(5),
        }
    }
}

/// Makes the protocol when the service starts: the time to look up other services.
type MakeProtocol = dyn Fn(&Context) -> Result<Arc<dyn Protocol>, BoxError> + Send;

/// A service that listens on every address of an interface and speaks one protocol.
///
/// Ports are bound at the privileged start, clients accepted once the whole application has started.
/// `close` serves those who already wait and refuses everybody else; `stop` returns when every connection
/// is closed, or was cut at the deadline.
pub struct TcpServer {
    interface: Interface,
    port: u16,
    options: TcpOptions,
    make_protocol: Box<MakeProtocol>,
    listeners: Vec<TcpListener>,
    running: Option<Running>,
}

struct Running {
    shared: Arc<Shared>,
    /// One per address and worker. Those of an address share its one socket.
    loops: Vec<JoinHandle<()>>,
    sockets: Option<Arc<Sockets>>,
    addresses: Vec<(String, SocketAddr)>,
}

/// A server that is dropped while it runs serves nobody any more.
impl Drop for Running {
    fn drop(&mut self) {
        self.shared.closed.cancel();
        self.shared.cut.cancel();
    }
}

impl TcpServer {
    /// A server for `port` on `interface`; 0 is one free port for all addresses. `make_protocol` is
    /// called at every start.
    pub fn new<P: Protocol>(
        interface: Interface,
        port: u16,
        make_protocol: impl Fn(&Context) -> Result<P, BoxError> + Send + 'static,
    ) -> Self {
        Self::with_shared_protocol(interface, port, move |cx| Ok(Arc::new(make_protocol(cx)?)))
    }

    /// Like [`new`](Self::new), for a protocol whose type is known only at run time.
    pub fn with_shared_protocol(
        interface: Interface,
        port: u16,
        make_protocol: impl Fn(&Context) -> Result<Arc<dyn Protocol>, BoxError> + Send + 'static,
    ) -> Self {
        Self {
            interface,
            port,
            options: TcpOptions::default(),
            make_protocol: Box::new(make_protocol),
            listeners: Vec::new(),
            running: None,
        }
    }

    /// Sets everything else.
    pub fn options(mut self, options: TcpOptions) -> Self {
        self.options = options;
        self
    }

    fn listen(&self, sockets: &Sockets, name: &str) -> Result<Vec<TcpListener>, BoxError> {
        let mut attempts = 1..;
        loop {
            match self.listen_on_all(sockets, name) {
                // The port that the first address got is taken on another one.
                Err(e)
                    if self.port == 0 && e.is_in_use() && attempts.next() < Some(PORT_ATTEMPTS) => {
                }
                Err(e) => return Err(e.into()),
                Ok(listeners) if listeners.is_empty() => {
                    return Err(format!("{} has no address on this machine", self.interface).into());
                }
                Ok(listeners) => return Ok(listeners),
            }
        }
    }

    fn listen_on_all(
        &self,
        sockets: &Sockets,
        name: &str,
    ) -> Result<Vec<TcpListener>, ListenError> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut port = self.port;
        for mut address in self.interface.addresses(port) {
            address.set_port(port);
            match sockets.listen_tcp(name, address, self.options.backlog) {
                Ok(None) => {}
                Ok(Some(listener)) => {
                    port = listener.local_addr().map_or(port, |bound| bound.port());
                    listeners.push(listener);
                }
                Err(e) if e.is_absent() && !self.interface.is_literal() => {
                    warn!("not listening on {address}: {}", e.source);
                }
                Err(e) => {
                    for listener in listeners {
                        listener.local_addr().into_iter().for_each(|a| sockets.closed(name, a));
                    }
                    return Err(e);
                }
            }
        }
        Ok(listeners)
    }
}

#[async_trait]
impl Service for TcpServer {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let sockets = cx.resource::<Sockets>().unwrap_or_default();
        self.listeners = self.listen(&sockets, cx.path().as_str())?;
        for listener in &self.listeners {
            prepare_for_clients(listener);
            let address = listener.local_addr()?;
            info!(%address, "listening on {address}");
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if self.listeners.is_empty() {
            return Err("it has no socket: its privileged start has not been called".into());
        }
        let limit = match self.options.max_connections {
            Some(max) => ConnectionLimit::new(max),
            None => match cx.resource::<ConnectionLimit>() {
                Some(shared) => (*shared).clone(),
                None => ConnectionLimit::from_descriptors(),
            },
        };
        let shared = Arc::new(Shared {
            protocol: (self.make_protocol)(cx)?,
            options: self.options.clone(),
            limit,
            closed: CancellationToken::new(),
            cut: CancellationToken::new(),
            unfinished: AtomicUsize::new(0),
            exhausted: Burst::default(),
        });
        let mut running = Running {
            shared: shared.clone(),
            loops: Vec::new(),
            sockets: cx.resource::<Sockets>(),
            addresses: Vec::new(),
        };
        for listener in self.listeners.drain(..) {
            let address = listener.local_addr()?;
            running.addresses.push((cx.path().as_str().into(), address));
            let listener = Arc::new(listener);
            for worker in 0..cx.workers().len() {
                let accept_loop = accept_loop(cx.clone(), shared.clone(), listener.clone());
                running.loops.push(cx.spawn_on(worker, accept_loop));
            }
        }
        self.running = Some(running);
        Ok(())
    }

    fn close(&mut self) {
        self.listeners.clear();
        let Some(running) = &self.running else { return };
        running.shared.closed.cancel();
        for (service, address) in &running.addresses {
            info!(%address, "closing {address}");
            if let Some(sockets) = &running.sockets {
                sockets.closed(service, *address);
            }
        }
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let shared = running.shared.clone();
        shared.closed.cancel();
        let mut ended = join_all(std::mem::take(&mut running.loops));
        if timeout_at(deadline, &mut ended).await.is_err() {
            shared.cut.cancel();
            ended.await;
            let unfinished = shared.unfinished.load(Ordering::Relaxed);
            warn!(connections = unfinished, "cut {unfinished} connections at the deadline");
        }
        Ok(())
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        let addresses: Vec<String> =
            self.interface.addresses(self.port).map(|address| address.to_string()).collect();
        Ok(format!("would listen on {}", addresses.join(" and ")))
    }
}

/// Sets what accepted sockets inherit from the listener, at no cost per connection: to be reset unless their
/// answer is complete, and a bound for what the kernel keeps of unsent bytes.
fn prepare_for_clients(listener: &TcpListener) {
    reset_when_dropped(listener, true);
    if let Err(e) = socket2::SockRef::from(listener).set_tcp_notsent_lowat(UNSENT) {
        warn!("slow readers will cost more of the kernel's memory: TCP_NOTSENT_LOWAT: {e}");
    }
}
