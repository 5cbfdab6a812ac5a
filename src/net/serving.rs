//! What servers on TCP ports and on Unix sockets have in common: serving clients on listening sockets.

use super::Protocol;
use super::accept::{AcceptState, accept_loop};
use super::alarm::Alarms;
use super::burst::Burst;
use super::connection_counters::ConnectionCounters;
use super::deliver::Terms;
use super::draining::Draining;
use super::limit::Permits;
use super::listen::ListenedOn;
use super::listener::Listener;
use super::options::ServerOptions;
use super::pages::reserve_descriptors;
use super::queue::{Budget, SLOW};
use crate::service::{BoxError, Context};
use crate::sockets::{LentSocket, Sockets};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The home workers of a process's listeners, one worker after the other.
#[derive(Default)]
struct NextHome(AtomicUsize);

/// Makes the protocol when the service starts, so that it can look up other services.
pub(super) type MakeProtocol = dyn Fn(&Context) -> Result<Arc<dyn Protocol>, BoxError> + Send;

/// The accept loops of a running server. When this is dropped, it serves no client any more.
pub(super) struct Serving {
    shared: Arc<AcceptState>,
    /// One per listening socket and worker. Those of a socket share it.
    loops: Vec<JoinHandle<()>>,
    listened_on: ListenedOn,
}

impl Serving {
    /// Starts to serve on `listeners`, once the whole application has started.
    pub(super) fn start(
        cx: &Context,
        listeners: Vec<LentSocket>,
        options: &ServerOptions,
        protocol: Arc<dyn Protocol>,
    ) -> io::Result<Self> {
        let listened_on = ListenedOn::of(&listeners);
        let draining = Draining::new(cx, listened_on.to_string());
        let shared = Arc::new(shared(cx, options, protocol, draining));
        let workers = cx.workers().len();
        let next_home = cx.workers().shared::<NextHome>();
        let alarms = (0..workers).map(|worker| Alarms::of(cx.workers(), worker));
        let alarms = alarms.collect::<io::Result<Vec<_>>>()?;
        let mut loops = Vec::new();
        for listener in listeners {
            let address = listener.endpoint().to_string();
            let counters = cx.counters(&format!("connections to {address}"), || {
                ConnectionCounters::new(address)
            });
            let home = next_home.0.fetch_add(1, Ordering::Relaxed) % workers;
            let listener = Arc::new(Listener::new(listener, home));
            for (worker, alarms) in alarms.iter().enumerate() {
                let (shared, listener, alarms) = (shared.clone(), listener.clone(), alarms.clone());
                let count = counters.count();
                let accept_loop = accept_loop(cx.clone(), shared, listener, worker, alarms, count);
                loops.push(cx.spawn_on(worker, accept_loop));
            }
        }
        cx.status(listened_on.to_string());
        Ok(Self { shared, loops, listened_on })
    }

    /// Serves the clients that are waiting already, and refuses others, or leaves them to the next listener.
    pub(super) fn close(&self) {
        if self.shared.closed.is_cancelled() {
            return;
        }
        self.shared.closed.cancel();
        self.listened_on.log_close();
    }

    /// Returns when every connection is closed, or was cut at the deadline. Logs how many were cut. If the future is
    /// dropped, this can be called again.
    pub(super) async fn stop(&mut self, deadline: Instant) {
        self.close();
        if timeout_at(deadline, all_ended(&mut self.loops)).await.is_err() {
            self.shared.cut.cancel();
            all_ended(&mut self.loops).await;
        }
        if self.shared.cut.is_cancelled() {
            let unfinished = self.shared.unfinished.load(Ordering::Relaxed);
            let what = if unfinished == 1 { "connection" } else { "connections" };
            warn!(connections = unfinished, "cut {unfinished} {what} at the deadline");
        }
    }
}

/// Waits until all of these have ended. If the future is dropped, this can be called again with those that are left.
pub(super) async fn all_ended(loops: &mut Vec<JoinHandle<()>>) {
    while let Some(last) = loops.last_mut() {
        let _ = last.await;
        loops.pop();
    }
}

fn shared(
    cx: &Context,
    options: &ServerOptions,
    protocol: Arc<dyn Protocol>,
    draining: Arc<Draining>,
) -> AcceptState {
    let sockets = Sockets::lent_by(cx.privileged().resources());
    let descriptors = sockets.descriptors().clone();
    reserve_descriptors(cx.workers(), &descriptors);
    let budget = Budget::of(cx.workers());
    AcceptState {
        permits: Permits::new(options.max_connections, descriptors, protocol.descriptors()),
        protocol,
        options: options.clone(),
        terms: Arc::new(Terms { write_timeout: options.write_timeout, slow: SLOW, budget }),
        closed: CancellationToken::new(),
        cut: CancellationToken::new(),
        unfinished: AtomicUsize::new(0),
        exhausted: Burst::default(),
        draining,
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.closed.cancel();
        self.shared.cut.cancel();
    }
}
