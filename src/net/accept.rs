//! The accept loop: one per listening socket and worker.

use super::burst::Burst;
use super::closing::{Closing, reset_when_dropped};
use super::deliver::{Delivery, send_at_once};
use super::limit::Place;
use super::{Connection, ConnectionLimit, Peer, Protocol, ServerOptions};
use crate::service::{BoxError, Context};
use futures::FutureExt;
use socket2::{SockAddr, SockAddrStorage, Socket};
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info, warn};

/// How many clients are accepted before the worker's other tasks get their turn.
const BATCH: usize = 128;

/// How long a loop rests when the system has no descriptor or memory for another connection.
const REST: Duration = Duration::from_millis(100);

/// What all accept loops of one service share.
pub(super) struct Shared {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) options: ServerOptions,
    pub(super) limit: ConnectionLimit,
    /// Set by `close`: take nothing new.
    pub(super) closed: CancellationToken,
    /// Set at the deadline of `stop`: finish nothing more.
    pub(super) cut: CancellationToken,
    /// How many connections were cut.
    pub(super) unfinished: AtomicUsize,
    pub(super) exhausted: Burst,
}

/// Serves on one listener, on the worker that this is called on, from the time when the whole application
/// has started until the service is closed; then finishes what is in progress, or cuts it when told so.
pub(super) async fn accept_loop(
    cx: Context,
    shared: Arc<Shared>,
    listener: Arc<Socket>,
) -> Result<(), BoxError> {
    // SAFETY: the Arc keeps the one descriptor of the listener open as long as the AsyncFd lives.
    let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?;
    let mut accepting = AcceptLoop {
        listener,
        closing: Closing::new(shared.options.linger_timeout, shared.options.write_timeout),
        tasks: JoinSet::new(),
        resting: None,
        shared: shared.clone(),
    };
    let all_started = tokio::select! {
        biased;
        () = cx.all_started() => true,
        () = shared.closed.cancelled() => false, // nobody is served by half an application
    };
    if all_started {
        accepting.serve().await?;
        accepting.empty_the_queue().await;
    }
    let AcceptLoop { listener, closing, tasks, .. } = accepting;
    drop(listener); // from here on, connecting is refused
    let unfinished = drain(&shared.cut, closing, tasks).await;
    shared.unfinished.fetch_add(unfinished, Ordering::Relaxed);
    Ok(())
}

/// One loop, with the connections that it has accepted.
struct AcceptLoop {
    shared: Arc<Shared>,
    listener: AsyncFd<Arc<Socket>>,
    closing: Closing,
    /// The connections that are more than one send.
    tasks: JoinSet<Option<(Socket, Place)>>,
    /// Set while the system has no room for another connection.
    resting: Option<Instant>,
}

impl AcceptLoop {
    /// Serves until the service is closed.
    async fn serve(&mut self) -> Result<(), BoxError> {
        let shared = self.shared.clone();
        let mut closed = pin!(shared.closed.cancelled());
        loop {
            tokio::select! {
                biased;
                () = &mut closed => return Ok(()),
                () = self.closing.due() => self.closing.sweep(),
                Some(ended) = self.tasks.join_next() => finished(&mut self.closing, ended),
                () = until(self.resting), if self.resting.is_some() => self.resting = None,
                place = wait_for_client(&self.listener, &shared.limit), if self.resting.is_none() => {
                    let (_, nobody_waits) = self.accept_batch(place?);
                    if nobody_waits {
                        self.wait_for_more();
                    } else {
                        yield_now().await;
                    }
                }
            }
        }
    }

    /// Accepts until nobody waits, there is no place, or the batch is full. Returns how many were accepted,
    /// and whether nobody waits any more.
    fn accept_batch(&mut self, place: Place) -> (usize, bool) {
        let listener = self.listener.get_ref().clone();
        let mut place = Some(place);
        let (mut accepted, mut gone, mut expected) = (0, 0, 1);
        while accepted < BATCH {
            if expected == 0 {
                expected = waiting(&listener);
            }
            if expected == 0 {
                return (accepted, true);
            }
            let Some(free) = place.take().or_else(|| self.shared.limit.try_place()) else { break };
            expected -= 1;
            match accept(&listener) {
                Ok((stream, peer)) => {
                    self.receive(stream, peer, free);
                    accepted += 1;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return (accepted, true),
                // That client is gone again. Some systems say so for ever, though.
                Err(e) if is_transient(&e) && gone < BATCH => gone += 1,
                Err(e) => {
                    self.rest(&e);
                    break;
                }
            }
        }
        (accepted, false)
    }

    /// Tells the reactor that nobody waits.
    fn wait_for_more(&self) {
        if let Some(Ok(mut ready)) = self.listener.readable().now_or_never() {
            ready.clear_ready();
        }
    }

    /// Serves those who were waiting when the service was closed: closing the socket would reset them.
    async fn empty_the_queue(&mut self) {
        // With a backlog of none, nobody new gets in while these are served.
        let _ = socket2::SockRef::from(self.listener.get_ref()).listen(0);
        let shared = self.shared.clone();
        let mut cut = pin!(shared.cut.cancelled());
        let mut most = shared.options.backlog as usize + 1;
        while most > 0 {
            tokio::select! {
                biased;
                () = &mut cut => return,
                () = self.closing.due() => self.closing.sweep(),
                Some(ended) = self.tasks.join_next() => finished(&mut self.closing, ended),
                () = until(self.resting), if self.resting.is_some() => self.resting = None,
                place = shared.limit.place(), if self.resting.is_none() => {
                    // Past the reactor, which may not have noticed the last of them yet.
                    let (accepted, nobody_waits) = self.accept_batch(place);
                    if nobody_waits {
                        return;
                    }
                    most = most.saturating_sub(accepted);
                }
            }
            yield_now().await;
        }
    }

    fn rest(&mut self, e: &io::Error) {
        self.resting = Some(Instant::now() + REST);
        if self.shared.exhausted.event().is_some() {
            warn!("can't accept: {e}; clients wait in the backlog until there is room");
        }
    }

    fn receive(&mut self, stream: Socket, peer: Peer, place: Place) {
        let protocol = &self.shared.protocol;
        let monologue = catch_unwind(AssertUnwindSafe(|| protocol.monologue(&peer)));
        let Ok(monologue) = monologue else {
            reset_when_dropped(&stream, true);
            return error!("the protocol panicked; {peer} was dropped");
        };
        let Some(bytes) = monologue else {
            return self.spawn(converse(self.shared.clone(), stream, peer), place);
        };
        match send_at_once(&stream, &bytes) {
            Ok(sent) if sent == bytes.len() => self.closing.push(stream, place),
            Ok(sent) => {
                let write_timeout = self.shared.options.write_timeout;
                match Delivery::new(stream, peer, bytes, sent, write_timeout) {
                    Ok(delivery) => self.spawn(delivery.run(), place),
                    Err(e) => warn!("{peer} was dropped after {sent} bytes: {e}"),
                }
            }
            Err(e) => info!("{peer} went away before anything was sent: {e}"),
        }
    }

    fn spawn(&mut self, task: impl Future<Output = Option<Socket>> + Send + 'static, place: Place) {
        let task = task.map(|stream| stream.map(|stream| (stream, place)));
        self.tasks.spawn(task.instrument(Span::current()));
    }
}

/// Waits until a client is waiting and there is a place for it. No place is held while nobody waits.
async fn wait_for_client(
    listener: &AsyncFd<Arc<Socket>>,
    limit: &ConnectionLimit,
) -> io::Result<Place> {
    listener.readable().await?.retain_ready();
    Ok(limit.place().await)
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// A task has ended: its connection, if the client is still there, is to be closed in order.
fn finished(closing: &mut Closing, ended: Result<Option<(Socket, Place)>, JoinError>) {
    match ended {
        Ok(Some((stream, place))) => closing.push(stream, place),
        Ok(None) => {}
        Err(e) if e.is_panic() => error!("the protocol panicked; the connection was reset"),
        Err(_) => {}
    }
}

/// Lets the connections end by themselves, or at the cut. Returns how many were cut.
async fn drain(
    cut: &CancellationToken,
    mut closing: Closing,
    mut tasks: JoinSet<Option<(Socket, Place)>>,
) -> usize {
    while !(closing.is_empty() && tasks.is_empty()) {
        tokio::select! {
            biased;
            () = cut.cancelled() => break,
            () = closing.due() => closing.sweep(),
            Some(ended) = tasks.join_next() => finished(&mut closing, ended),
        }
        yield_now().await;
    }
    let unfinished = tasks.len();
    tasks.shutdown().await;
    unfinished
}

async fn converse(shared: Arc<Shared>, stream: Socket, peer: Peer) -> Option<Socket> {
    let conversation = async {
        let (write_timeout, closed) = (shared.options.write_timeout, shared.closed.clone());
        let mut connection = Connection::new(stream, peer, write_timeout, closed)?;
        shared.protocol.converse(&mut connection).await?;
        io::Result::Ok(connection.finish())
    };
    conversation.await.map_err(|e| info!("the conversation with {peer} failed: {e}")).ok()
}

/// A new client.
///
/// accept4(2): the address comes with the call, and the socket is born non-blocking and close-on-exec.
fn accept(listener: &Socket) -> io::Result<(Socket, Peer)> {
    let accept = |address: *mut SockAddrStorage, length: *mut libc::socklen_t| {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: `try_init` passes room for any address, and its size in `length`.
        let fd = unsafe { libc::accept4(listener.as_raw_fd(), address.cast(), length, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    // SAFETY: where accept4 succeeds, it has written an address and its length.
    let (fd, address) = unsafe { SockAddr::try_init(accept) }?;
    let stream = Socket::from(fd);
    let peer = Peer::of(&address, &stream);
    Ok((stream, peer))
}

/// How many clients wait to be accepted. For sockets that don't tell, as many as there may be.
///
/// To ask is a fifth of what it costs to be told by accept4 that nobody waits: it makes a socket and a
/// descriptor before it looks. See sk_ack_backlog in tcp_get_info of the kernel.
fn waiting(listener: &Socket) -> usize {
    // The beginning of a tcp_info: eight bytes, rto, ato, snd_mss, rcv_mss, unacked.
    let mut info = [0_u32; 7];
    let mut length = size_of_val(&info) as libc::socklen_t;
    let (fd, info_address) = (listener.as_raw_fd(), info.as_mut_ptr().cast());
    // SAFETY: no more than `length` bytes are written.
    let done = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info_address, &raw mut length)
    };
    if done == 0 { info[6] as usize } else { usize::MAX }
}

/// Errors that concern the one client that is gone again; see "Error handling" in accept(2).
fn is_transient(e: &io::Error) -> bool {
    matches!(
        e.raw_os_error(),
        Some(
            libc::EINTR
                | libc::ECONNABORTED
                | libc::EPROTO
                | libc::EPERM
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
        )
    )
}
