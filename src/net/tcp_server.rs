//! A service that listens on a TCP port.

use super::listen::{Wanted, log_open};
use super::options::ServerOptions;
use super::serving::{MakeProtocol, Serving};
use super::socket::set_connection_options;
use super::{Interface, Protocol};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use crate::sockets::{Endpoint, LentSocket, ListenOptions};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::time::Instant;

/// A service that listens on every address of an interface with one protocol.
///
/// Ports are bound at the privileged start, and clients are accepted when the whole application has started.
/// `close` serves the clients that are already waiting and refuses others or, if the socket [is
/// shared](LentSocket::is_shared), leaves them to the next listener. `stop` returns when every connection is
/// closed, or was cut at the deadline.
///
/// It counts its connections: see [the module](super#what-is-counted).
pub struct TcpServer {
    interface: Interface,
    port: u16,
    options: ServerOptions,
    make_protocol: Box<MakeProtocol>,
    listeners: Vec<LentSocket>,
    serving: Option<Serving>,
}

impl TcpServer {
    /// A server for `port` on `interface`; 0 means any free port, the same for all addresses. `make_protocol` is
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
            serving: None,
        }
    }

    /// Sets the other options.
    pub fn options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }
}

#[async_trait]
impl Service for TcpServer {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let options = ListenOptions {
            backlog: self.options.backlog,
            before_listen: set_connection_options,
            ..ListenOptions::default()
        };
        let (interface, port) = (&self.interface, self.port);
        let wanted = Wanted { interface, port, endpoint: Endpoint::Tcp, options };
        self.listeners = wanted.open(cx)?;
        log_open(&self.listeners);
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if self.listeners.is_empty() {
            return Err("it has no socket: its privileged start has not been called".into());
        }
        let protocol = (self.make_protocol)(cx)?;
        let listeners = std::mem::take(&mut self.listeners);
        self.serving = Some(Serving::start(cx, listeners, &self.options, protocol)?);
        Ok(())
    }

    fn close(&mut self) {
        self.listeners.clear();
        if let Some(serving) = &self.serving {
            serving.close();
        }
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some(serving) = &mut self.serving {
            serving.stop(deadline).await;
        }
        self.serving = None;
        Ok(())
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn kind(&self) -> &str {
        "tcp"
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        Ok(format!("would listen on {}", self.interface.described(self.port)))
    }
}
