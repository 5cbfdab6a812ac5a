//! Serving clients on listening sockets: what servers on TCP ports and on Unix sockets have in common.

use super::accept::{Shared, accept_loop};
use super::alarm::Alarm;
use super::burst::Burst;
use super::closing::reset_when_dropped;
use super::listener::Listener;
use super::{ConnectionLimit, Protocol};
use crate::service::{BoxError, Context};
use futures::future::join_all;
use socket2::Socket;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// What can be set about a server, beside where it listens.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerOptions {
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

impl Default for ServerOptions {
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

/// The listeners of a process have their homes on one worker after the other.
static NEXT_HOME: AtomicUsize = AtomicUsize::new(0);

/// Makes the protocol when the service starts: the time to look up other services.
pub(super) type MakeProtocol = dyn Fn(&Context) -> Result<Arc<dyn Protocol>, BoxError> + Send;

/// The accept loops of a running server. Dropped, it serves nobody any more.
pub(super) struct Serving {
    shared: Arc<Shared>,
    /// One per listening socket and worker. Those of a socket share it.
    loops: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Starts to serve on `listeners`, once the whole application has started.
    pub(super) fn start(
        cx: &Context,
        listeners: Vec<Socket>,
        options: &ServerOptions,
        protocol: Arc<dyn Protocol>,
    ) -> io::Result<Self> {
        let limit = match options.max_connections {
            Some(max) => ConnectionLimit::new(max),
            None => match cx.resource::<ConnectionLimit>() {
                Some(shared) => (*shared).clone(),
                None => ConnectionLimit::from_descriptors(),
            },
        };
        let shared = Arc::new(Shared {
            protocol,
            options: options.clone(),
            limit,
            closed: CancellationToken::new(),
            cut: CancellationToken::new(),
            unfinished: AtomicUsize::new(0),
            exhausted: Burst::default(),
        });
        let workers = cx.workers().len();
        let alarms = (0..workers).map(|worker| Alarm::of(cx.workers().handle(worker)));
        let alarms = alarms.collect::<io::Result<Vec<_>>>()?;
        let mut loops = Vec::new();
        for listener in listeners {
            // Accepted sockets inherit it: they are reset unless the kernel is told otherwise.
            reset_when_dropped(&listener, true);
            let home = NEXT_HOME.fetch_add(1, Ordering::Relaxed) % workers;
            let listener = Arc::new(Listener::new(listener, home));
            for (worker, alarm) in alarms.iter().enumerate() {
                let (shared, listener, alarm) = (shared.clone(), listener.clone(), alarm.clone());
                let accept_loop = accept_loop(cx.clone(), shared, listener, worker, alarm);
                loops.push(cx.spawn_on(worker, accept_loop));
            }
        }
        Ok(Self { shared, loops })
    }

    /// Serves those who wait already, and refuses everybody else.
    pub(super) fn close(&self) {
        self.shared.closed.cancel();
    }

    /// Returns when every connection is closed, or was cut at the deadline; says how many were.
    pub(super) async fn stop(mut self, deadline: Instant) {
        self.close();
        let mut ended = join_all(std::mem::take(&mut self.loops));
        if timeout_at(deadline, &mut ended).await.is_err() {
            self.shared.cut.cancel();
            ended.await;
            let unfinished = self.shared.unfinished.load(Ordering::Relaxed);
            let what = if unfinished == 1 { "connection" } else { "connections" };
            warn!(connections = unfinished, "cut {unfinished} {what} at the deadline");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.closed.cancel();
        self.shared.cut.cancel();
    }
}
