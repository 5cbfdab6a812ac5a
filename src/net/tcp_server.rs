//! A service that listens on a TCP port.

use super::deliver::UNSENT;
use super::listen::listen_on_all;
use super::serving::{MakeProtocol, ServerOptions, Serving};
use super::{Interface, Protocol};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use crate::sockets::Sockets;
use async_trait::async_trait;
use socket2::{SockRef, Socket};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::time::Instant;
use tracing::{info, warn};

/// A service that listens on every address of an interface and speaks one protocol.
///
/// Ports are bound at the privileged start, clients accepted once the whole application has started.
/// `close` serves those who already wait and refuses everybody else; `stop` returns when every connection
/// is closed, or was cut at the deadline.
pub struct TcpServer {
    interface: Interface,
    port: u16,
    options: ServerOptions,
    make_protocol: Box<MakeProtocol>,
    listeners: Vec<TcpListener>,
    running: Option<Running>,
}

struct Running {
    serving: Serving,
    sockets: Option<Arc<Sockets>>,
    service: String,
    addresses: Vec<SocketAddr>,
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
            options: ServerOptions::default(),
            make_protocol: Box::new(make_protocol),
            listeners: Vec::new(),
            running: None,
        }
    }

    /// Sets everything else.
    pub fn options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }
}

#[async_trait]
impl Service for TcpServer {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let sockets = cx.resource::<Sockets>().unwrap_or_default();
        let service = cx.path().as_str();
        let backlog = self.options.backlog;
        let open = |address| sockets.listen_tcp(service, address, backlog);
        self.listeners = listen_on_all(&self.interface, self.port, &sockets, service, open)?;
        for listener in &self.listeners {
            bound_unsent(listener);
            let address = listener.local_addr()?;
            info!(%address, "listening on {address}");
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if self.listeners.is_empty() {
            return Err("it has no socket: its privileged start has not been called".into());
        }
        let protocol = (self.make_protocol)(cx)?;
        let addresses =
            self.listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let listeners = self.listeners.drain(..).map(Socket::from).collect();
        self.running = Some(Running {
            serving: Serving::start(cx, listeners, &self.options, protocol)?,
            sockets: cx.resource::<Sockets>(),
            service: cx.path().as_str().into(),
            addresses,
        });
        Ok(())
    }

    fn close(&mut self) {
        self.listeners.clear();
        let Some(Running { serving, sockets, service, addresses }) = &self.running else { return };
        serving.close();
        for address in addresses {
            info!(%address, "closing {address}");
            if let Some(sockets) = sockets {
                sockets.closed(service, *address);
            }
        }
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some(running) = self.running.take() {
            running.serving.stop(deadline).await;
        }
        Ok(())
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        let addresses: Vec<String> =
            self.interface.addresses(self.port).map(|address| address.to_string()).collect();
        Ok(format!("would listen on {}", addresses.join(" and ")))
    }
}

/// Bounds what the kernel keeps of unsent bytes; accepted sockets inherit it from the listener.
fn bound_unsent(listener: &TcpListener) {
    if let Err(e) = SockRef::from(listener).set_tcp_notsent_lowat(UNSENT) {
        warn!("slow readers will cost more of the kernel's memory: TCP_NOTSENT_LOWAT: {e}");
    }
}
