//! The accept loop: one per listening socket and worker.

use super::alarm::{Alarm, Alarms};
use super::burst::Burst;
use super::closing::Closing;
use super::connection_counters::{ConnectionCount, Failure, Traffic};
use super::deliver::{MAX_SEND, Terms, deliver};
use super::draining::{Draining, Left};
use super::duty::{Batch, Duty};
use super::limit::{Permit, Permits};
use super::listener::{Listener, is_transient};
use super::memory::Crowd;
use super::options::ServerOptions;
use super::socket::register;
use super::{Connection, Peer, Protocol};
use crate::chain::chain;
use crate::service::{BoxError, Context, Workers};
use futures::FutureExt;
use socket2::Socket;
use std::future::{Future, pending};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info, warn};

/// How many clients are accepted before other tasks of the worker continue.
pub(super) const BATCH: usize = 128;

/// How long a loop waits when the system has no descriptor or memory for another connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// What all accept loops of one service share.
pub(super) struct AcceptState {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) options: ServerOptions,
    pub(super) terms: Arc<Terms>,
    pub(super) permits: Permits,
    /// Set by `close`: accept nothing new.
    pub(super) closed: CancellationToken,
    /// Set at the deadline of `stop`: cut what is in progress.
    pub(super) cut: CancellationToken,
    /// The number of connections that were cut.
    pub(super) unfinished: AtomicUsize,
    pub(super) exhausted: Burst,
    pub(super) draining: Arc<Draining>,
}

/// How a task has ended: with the socket, if everything has been sent, to be closed normally.
type TaskEnd<S> = (Result<S, Failure>, Traffic);

/// Serves the clients of one listener, on the worker that calls this, from the time when the whole application
/// has started until the service is closed. Then finishes what is in progress, or cuts it when told so.
pub(super) async fn accept_loop(
    cx: Context,
    shared: Arc<AcceptState>,
    listener: Arc<Listener>,
    worker: usize,
    alarms: Alarms,
    count: ConnectionCount,
) -> Result<(), BoxError> {
    let at_home = listener.is_home_of(worker);
    let all_started = tokio::select! {
        biased;
        () = cx.all_started() => true,
        () = shared.closed.cancelled() => false, // no client meets an application that has started only in part
    };
    let mut left = shared.draining.left();
    let mut accepting = AcceptLoop {
        at_home,
        duty: None,
        rests: alarms.rests,
        closing: Closing::new(alarms.sweeps, &shared.options, count),
        tasks: JoinSet::new(),
        crowd: Crowd::of(cx.workers()),
        workers: cx.workers().clone(),
        next_worker: worker,
        resting: None,
        listener,
        shared: shared.clone(),
    };
    if all_started {
        if at_home {
            accepting.go_on_duty()?;
        }
        accepting.serve().await?;
        if at_home {
            accepting.empty_the_queue(&mut left).await;
        }
    }
    let AcceptLoop { duty, listener, closing, tasks, .. } = accepting;
    drop((duty, listener)); // when all loops have done so, new connections are refused
    let unfinished = drain(&shared.cut, closing, tasks, left).await;
    shared.unfinished.fetch_add(unfinished, Ordering::Relaxed);
    Ok(())
}

/// One loop, with the connections that it has accepted.
struct AcceptLoop {
    shared: Arc<AcceptState>,
    listener: Arc<Listener>,
    /// Whether this worker is the listener's home.
    at_home: bool,
    /// Set while this loop accepts clients.
    duty: Option<Duty>,
    rests: Arc<Alarm>,
    closing: Closing,
    /// The connections that take more than one send.
    tasks: JoinSet<TaskEnd<(Socket, Permit)>>,
    crowd: Crowd,
    /// Where they run: each on the next worker, since a single loop may accept them all.
    workers: Workers,
    next_worker: usize,
    /// Set while the system can't open another connection.
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
                () = self.closing.due() => {
                    self.closing.sweep();
                    yield_now().await;
                }
                Some(ended) = self.tasks.join_next() => {
                    finished(&mut self.closing, ended);
                    self.crowd.left();
                }
                () = until(self.resting), if self.resting.is_some() => self.resting = None,
                () = self.listener.called(), if self.duty.is_none() => self.go_on_duty()?,
                permit = next(&self.duty, &self.rests, &shared.permits), if self.resting.is_none() => {
                    let (accepted, batch) = self.accept_batch(permit?);
                    self.batch_ended(accepted, batch);
                    if matches!(batch, Batch::Full) {
                        yield_now().await;
                    }
                }
            }
        }
    }

    fn go_on_duty(&mut self) -> io::Result<()> {
        self.duty = Some(Duty::begin(self.listener.clone())?);
        Ok(())
    }

    fn batch_ended(&mut self, accepted: usize, batch: Batch) {
        let Some(duty) = &mut self.duty else { return };
        let ended = duty.batch_ended(accepted, batch);
        if duty.needs_help() {
            self.listener.call_help();
        }
        if duty.is_idle() && !self.at_home {
            self.duty = None;
            self.listener.forget_call();
        } else if let Err(e) = ended {
            self.rest(&e);
        }
    }

    /// Accepts until no client is waiting, there is no permit, or the batch is full. Also returns how many were
    /// accepted. `permit` is for a client that is known to be waiting.
    fn accept_batch(&mut self, mut permit: Option<Permit>) -> (usize, Batch) {
        let (mut accepted, mut gone, mut expected) = (0, 0, usize::from(permit.is_some()));
        while accepted < BATCH {
            if expected == 0 {
                expected = self.listener.waiting();
            }
            if expected == 0 {
                return (accepted, Batch::Emptied);
            }
            let Some(free) = permit.take().or_else(|| self.shared.permits.try_permit()) else {
                return (accepted, Batch::NoRoom);
            };
            expected -= 1;
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    self.receive(stream, peer, free);
                    accepted += 1;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return (accepted, Batch::Emptied);
                }
                // That client has gone already. But some systems report this for ever.
                Err(e) if is_transient(&e) && gone < BATCH => gone += 1,
                Err(e) => {
                    self.rest(&e);
                    return (accepted, Batch::NoRoom);
                }
            }
        }
        (accepted, Batch::Full)
    }

    /// Serves the clients that were waiting when the service was closed: closing the socket would reset them.
    async fn empty_the_queue(&mut self, left: &mut Left) {
        let shared = self.shared.clone();
        let mut cut = pin!(shared.cut.cancelled());
        let mut most = self.listener.close(shared.options.backlog as usize);
        while most > 0 {
            left.set(self.closing.len() + self.tasks.len());
            tokio::select! {
                biased;
                () = &mut cut => return,
                () = self.closing.due() => self.closing.sweep(),
                Some(ended) = self.tasks.join_next() => finished(&mut self.closing, ended),
                () = until(self.resting), if self.resting.is_some() => self.resting = None,
                permit = shared.permits.permit(), if self.resting.is_none() => {
                    match self.accept_batch(Some(permit)) {
                        (_, Batch::Emptied) => return,
                        (accepted, _) => most = most.saturating_sub(accepted),
                    }
                }
            }
            yield_now().await;
        }
    }

    fn rest(&mut self, e: &io::Error) {
        self.resting = Some(Instant::now() + ACCEPT_RETRY_DELAY);
        if self.shared.exhausted.event().is_some() {
            warn!("can't accept: {e}; clients wait in the backlog until there is room");
        }
    }

    fn receive(&mut self, stream: Socket, peer: Peer, permit: Permit) {
        let count = &mut self.closing.count;
        count.opened();
        let protocol = &self.shared.protocol;
        let monologue = catch_unwind(AssertUnwindSafe(|| protocol.monologue(&peer)));
        let Ok(monologue) = monologue else {
            count.ended(Err(Failure::Protocol));
            return error!("the protocol panicked; {peer} was dropped");
        };
        let Some(payload) = monologue else {
            let traffic = count.traffic(0);
            return self.spawn(converse(self.shared.clone(), stream, peer, traffic), permit);
        };
        match payload.send(&stream, 0, MAX_SEND, true) {
            Ok(sent) if sent == payload.len() => {
                count.sent(sent);
                self.closing.push(stream, permit);
            }
            Ok(sent) => {
                let traffic = count.traffic(sent);
                let terms = self.shared.terms.clone();
                self.spawn(deliver(stream, peer, payload, traffic, terms), permit);
            }
            Err(e) => {
                count.ended(Err(Failure::Gone));
                info!("{peer} went away before anything was sent: {e}");
            }
        }
    }

    fn spawn(
        &mut self,
        task: impl Future<Output = TaskEnd<Socket>> + Send + 'static,
        permit: Permit,
    ) {
        let task = task.map(|(stream, traffic)| (stream.map(|stream| (stream, permit)), traffic));
        self.tasks
            .spawn_on(task.instrument(Span::current()), self.workers.handle(self.next_worker));
        self.next_worker = self.next_worker.wrapping_add(1);
        self.crowd.joined();
    }
}

/// Waits for [`Duty::next`]; for ever without a duty.
async fn next(duty: &Option<Duty>, rests: &Alarm, permits: &Permits) -> io::Result<Option<Permit>> {
    match duty {
        Some(duty) => duty.next(rests, permits).await,
        None => pending().await,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// A task has ended. If the client is still connected, its connection has to be closed normally.
fn finished(closing: &mut Closing, ended: Result<TaskEnd<(Socket, Permit)>, JoinError>) {
    match ended {
        Ok((stream, traffic)) => {
            closing.count.bytes(traffic);
            match stream {
                Ok((stream, permit)) => closing.push(stream, permit),
                Err(failure) => closing.count.ended(Err(failure)),
            }
        }
        Err(e) if e.is_panic() => {
            closing.count.ended(Err(Failure::Protocol));
            error!("the protocol panicked; the connection was reset");
        }
        Err(_) => closing.count.ended(Err(Failure::Cut)),
    }
}

/// Lets the connections end on their own, or at the cut. Returns how many were cut.
async fn drain(
    cut: &CancellationToken,
    mut closing: Closing,
    mut tasks: JoinSet<TaskEnd<(Socket, Permit)>>,
    mut left: Left,
) -> usize {
    loop {
        let open = closing.len() + tasks.len();
        left.set(open);
        if open == 0 {
            break;
        }
        tokio::select! {
            biased;
            () = cut.cancelled() => break,
            () = closing.due() => closing.sweep(),
            Some(ended) = tasks.join_next() => finished(&mut closing, ended),
        }
        yield_now().await;
    }
    tasks.abort_all();
    let mut unfinished = 0;
    while let Some(ended) = tasks.join_next().await {
        unfinished += usize::from(ended.as_ref().is_err_and(JoinError::is_cancelled));
        finished(&mut closing, ended);
    }
    unfinished
}

async fn converse(
    shared: Arc<AcceptState>,
    stream: Socket,
    peer: Peer,
    traffic: Traffic,
) -> TaskEnd<Socket> {
    let failed = |e| info!("the connection with {peer} failed: {}", chain(&e));
    let (write_timeout, closed) = (shared.options.write_timeout, shared.closed.clone());
    let stream = match register(stream) {
        Ok(stream) => stream,
        Err(e) => {
            failed(e);
            return (Err(Failure::System), traffic);
        }
    };
    let mut connection = Connection::new(stream, peer, write_timeout, closed, traffic);
    let said = shared.protocol.converse(&mut connection).await;
    let is_well = said.is_ok();
    said.unwrap_or_else(failed);
    connection.finish(is_well)
}
