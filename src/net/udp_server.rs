//! A service that answers datagrams.

use super::Interface;
use super::answer::{Shared, answer_loop};
use super::listen::{ListenedOn, Wanted};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use crate::sockets::{Endpoint, LentSocket, ListenOptions};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::info;

/// What is said to whoever sends a datagram.
pub trait Responder: Send + Sync + 'static {
    /// The answer to `datagram`; `None`: there is none. A panic costs only this answer.
    ///
    /// Called once for each datagram that is not refused, in the loop that receives them: it must not block.
    fn answer(&self, peer: SocketAddr, datagram: &[u8]) -> Option<Bytes>;

    /// Logs that an answer was sent, of which `bytes` were left after the cut.
    fn answered(&self, peer: SocketAddr, bytes: usize) {
        info!(bytes, %peer, "sending {bytes} bytes to {peer}");
    }
}

/// What can be set about a [`UdpServer`], beside where it listens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UdpOptions {
    /// Longer answers are cut there, in bytes; a text in UTF-8 is cut before the character that does not fit
    /// any more. No datagram holds more than 65,507 bytes.
    pub max_reply: usize,
    /// How many answers an IPv4 address or an IPv6 /64 gets per second; after a second of silence it gets
    /// as many at once. At least one.
    pub replies_per_second: u32,
    /// Whether other machines may be answered. The sender of a datagram is whoever its sender says, so that
    /// a service whose answers are longer than the requests can be made to flood somebody else.
    pub allow_reflection: bool,
}

impl Default for UdpOptions {
    /// 512 bytes, 10 per second, to this machine only.
    fn default() -> Self {
        Self { max_reply: 512, replies_per_second: 10, allow_reflection: false }
    }
}

/// Why an address is refused to a service that may not be used for reflection.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and there a small request in the name of a victim sends the \
     victim a large answer (reflection); if that is accepted, set allow-reflection = true"
)]
pub struct ReflectionError(SocketAddr);

impl UdpOptions {
    /// Says whether a service with these options may listen on `address`.
    ///
    /// # Errors
    /// If other machines can send to it, and [`allow_reflection`](Self::allow_reflection) is not set.
    pub fn permit(&self, address: SocketAddr) -> Result<(), ReflectionError> {
        let harmless = self.allow_reflection || address.ip().to_canonical().is_loopback();
        if harmless { Ok(()) } else { Err(ReflectionError(address)) }
    }
}

/// Makes the responder when the service starts: the time to look up other services.
type MakeResponder = dyn Fn(&Context) -> Result<Arc<dyn Responder>, BoxError> + Send;

/// A service that takes datagrams on every address of an interface and sends a [`Responder`]'s answers.
///
/// Ports are bound at the privileged start; what comes before the whole application has started waits in
/// the kernel. `close` takes nothing more: what waits then is lost, as any datagram may be.
///
/// An answer comes from the address that was asked, except on `*`, where the system chooses among the
/// machine's own: with several of them, name the one that is to be used.
pub struct UdpServer {
    interface: Interface,
    port: u16,
    options: UdpOptions,
    make_responder: Box<MakeResponder>,
    sockets: Vec<LentSocket>,
    running: Option<Running>,
}

struct Running {
    shared: Arc<Shared>,
    /// One per address.
    loops: Vec<JoinHandle<()>>,
    listened_on: ListenedOn,
}

/// A server that is dropped while it runs answers nobody any more.
impl Drop for Running {
    fn drop(&mut self) {
        self.shared.closed.cancel();
    }
}

impl UdpServer {
    /// A server for `port` on `interface`; 0 is one free port for all addresses. `make_responder` is
    /// called at every start.
    pub fn new<R: Responder>(
        interface: Interface,
        port: u16,
        make_responder: impl Fn(&Context) -> Result<R, BoxError> + Send + 'static,
    ) -> Self {
        Self {
            interface,
            port,
            options: UdpOptions::default(),
            make_responder: Box::new(move |cx| Ok(Arc::new(make_responder(cx)?))),
            sockets: Vec::new(),
            running: None,
        }
    }

    /// Sets everything else.
    pub fn options(mut self, options: UdpOptions) -> Self {
        self.options = options;
        self
    }
}

#[async_trait]
impl Service for UdpServer {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let (interface, port, options) = (&self.interface, self.port, ListenOptions::default());
        let sockets = Wanted { interface, port, endpoint: Endpoint::Udp, options }.open(cx)?;
        // Not only those of the interface: a socket that was handed over may have another one.
        for address in sockets.iter().filter_map(|socket| socket.endpoint().address()) {
            self.options.permit(address)?;
        }
        for socket in &sockets {
            let address = socket.endpoint();
            info!(%address, "listening on {address}");
        }
        self.sockets = sockets;
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if self.sockets.is_empty() {
            return Err("it has no socket: its privileged start has not been called".into());
        }
        let shared = Arc::new(Shared::new((self.make_responder)(cx)?, self.options.clone()));
        let mut running = Running {
            shared: shared.clone(),
            loops: Vec::new(),
            listened_on: ListenedOn::of(&self.sockets),
        };
        for (worker, socket) in self.sockets.drain(..).enumerate() {
            let answer_loop = answer_loop(cx.clone(), shared.clone(), socket);
            running.loops.push(cx.spawn_on(worker, answer_loop));
        }
        self.running = Some(running);
        Ok(())
    }

    fn close(&mut self) {
        self.sockets.clear();
        let Some(running) = &self.running else { return };
        running.shared.closed.cancel();
        running.listened_on.log_close();
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.shared.closed.cancel();
        // Nothing is left to be cut: a loop that has not ended is held up by its responder.
        let loops = std::mem::take(&mut running.loops);
        timeout_at(deadline, join_all(loops)).await.map_err(|_| "the responder blocks")?;
        let requests = running.shared.unanswered();
        if requests > 0 {
            info!(requests, "left {requests} requests without an answer");
        }
        Ok(())
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        let addresses: Vec<String> =
            self.interface.addresses(self.port).map(|address| address.to_string()).collect();
        let UdpOptions { max_reply, replies_per_second, .. } = self.options;
        Ok(format!(
            "would answer datagrams to {} with at most {max_reply} bytes, {replies_per_second} per second to each source",
            addresses.join(" and ")
        ))
    }
}
