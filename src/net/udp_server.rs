//! A service that answers datagrams.

use super::Interface;
use super::answer::{AnswerState, answer_loop};
use super::datagram_counters::DatagramCounters;
use super::listen::{ListenedOn, Wanted, log_open};
use super::responder::{Responder, UdpOptions};
use super::serving::all_ended;
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use crate::sockets::{Endpoint, LentSocket, ListenOptions};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::info;

/// Makes the responder when the service starts, so that it can look up other services.
type MakeResponder = dyn Fn(&Context) -> Result<Arc<dyn Responder>, BoxError> + Send;

/// A service that receives datagrams on every address of an interface and sends a [`Responder`]'s answers.
///
/// Ports are bound at the privileged start. Datagrams that arrive before the whole application has started wait
/// in the kernel. After `close` it receives nothing more: datagrams that are waiting then are lost, as any
/// datagram may be.
///
/// An answer comes from the address that the request was sent to, except on `*`, where the system chooses one of
/// the machine's addresses: if there are several, set the one to be used.
///
/// It counts its datagrams: see [the module](super#what-is-counted).
pub struct UdpServer {
    interface: Interface,
    port: u16,
    options: UdpOptions,
    make_responder: Box<MakeResponder>,
    sockets: Vec<LentSocket>,
    running: Option<Running>,
}

struct Running {
    shared: Arc<AnswerState>,
    /// One per address.
    loops: Vec<JoinHandle<()>>,
    listened_on: ListenedOn,
}

/// A server that is dropped while it is running answers no more requests.
impl Drop for Running {
    fn drop(&mut self) {
        self.shared.closed.cancel();
    }
}

impl UdpServer {
    /// A server for `port` on `interface`; 0 means any free port, the same for all addresses. `make_responder` is
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

    /// Sets the other options.
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
        // Not only those of the interface: an inherited socket may have another one.
        for address in sockets.iter().filter_map(|socket| socket.endpoint().address()) {
            self.options.permit(address)?;
        }
        log_open(&sockets);
        self.sockets = sockets;
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if self.sockets.is_empty() {
            return Err("it has no socket: its privileged start has not been called".into());
        }
        let shared = Arc::new(AnswerState::new((self.make_responder)(cx)?, self.options.clone()));
        let mut running = Running {
            shared: shared.clone(),
            loops: Vec::new(),
            listened_on: ListenedOn::of(&self.sockets),
        };
        for (worker, socket) in self.sockets.drain(..).enumerate() {
            let address = socket.endpoint().to_string();
            let counters =
                cx.counters(&format!("datagrams to {address}"), || DatagramCounters::new(address));
            let answer_loop = answer_loop(cx.clone(), shared.clone(), socket, counters.count());
            running.loops.push(cx.spawn_on(worker, answer_loop));
        }
        cx.status(running.listened_on.to_string());
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
        let Some(running) = &mut self.running else { return Ok(()) };
        running.shared.closed.cancel();
        // Nothing is left to be cut: a loop that has not ended is blocked by its responder.
        let ended = timeout_at(deadline, all_ended(&mut running.loops)).await;
        let requests = running.shared.unanswered();
        self.running = None;
        ended.map_err(|_| "the responder blocks")?;
        if requests > 0 {
            info!(requests, "left {requests} requests without an answer");
        }
        Ok(())
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn kind(&self) -> &str {
        "udp"
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        let UdpOptions { max_reply, replies_per_second, .. } = self.options;
        Ok(format!(
            "would answer datagrams to {} with at most {max_reply} bytes, {replies_per_second} per second to each source",
            self.interface.described(self.port)
        ))
    }
}
