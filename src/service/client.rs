//! A service that keeps one outgoing connection.

use super::{BoxError, Context, Handle, Restart, Service, ServiceFn};
use crate::chain::chain;
use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBackoff};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

/// A future that runs a connection, as long as it lasts.
type Connection = BoxFuture<'static, Result<(), BoxError>>;
type Connect<C> =
    dyn Fn(Context) -> BoxFuture<'static, Result<(C, Connection), BoxError>> + Send + Sync;

/// A service that keeps one outgoing connection open: it connects when it starts, and again whenever the
/// connection is lost, like Twisted's [`ClientService`].
///
/// The function connects, and returns two things, as the clients of hyper and tokio-postgres do: a cheap,
/// cloneable handle to the connection, and a future that runs it and ends when it is lost. Other services
/// [find](Context::find) a [`Client`], and get the handle from [`when_connected`](Client::when_connected).
///
/// If connecting fails, or a connection is lost, the next attempt follows after the delays of a [`Restart`]: 0.1
/// s, then twice as long each time up to 30 s, and 0.1 s again after a connection that has lasted for 60 s. A
/// random time is added, so that many clients do not come back at the same moment. None of this is a failure of
/// the service, but a panic is. The [counters](Context::counter) `client_connections` and
/// `client_connect_failures` say how often it has connected, and how often it could not.
///
/// When the service stops, after all services that have found it, it drops its own handle, waits until the future
/// has ended, and drops it at the deadline.
///
/// ```
/// use poetryd::service::{Application, ClientService};
/// use std::sync::Arc;
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::TcpStream;
/// use tokio::sync::mpsc;
///
/// let mut application = Application::new("logger");
/// let upstream = ClientService::new(|_| async {
///     let mut stream = TcpStream::connect("localhost:10514").await?;
///     let (sender, mut lines) = mpsc::channel::<String>(100);
///     let connection = async move {
///         while let Some(line) = lines.recv().await {
///             stream.write_all(line.as_bytes()).await?;
///         }
///         Ok(())
///     };
///     Ok((sender, connection))
/// });
/// application.add("upstream", upstream)?;
/// # Ok::<(), poetryd::service::AddError>(())
/// ```
///
/// [`ClientService`]: https://docs.twisted.org/en/stable/api/twisted.application.internet.ClientService.html
pub struct ClientService<C> {
    connect: Arc<Connect<C>>,
    retry: Restart,
    client: Client<C>,
    running: Option<ServiceFn>,
}

/// Access to the connection of a [`ClientService`]. Cheap to clone; valid as long as the service exists.
#[derive(Clone)]
pub struct Client<C> {
    state: Arc<watch::Sender<State<C>>>,
    retry_now: Arc<Notify>,
}

#[derive(Clone)]
enum State<C> {
    Connecting,
    Connected(C),
    Stopped,
}

/// The service that keeps the connection is not running, or is about to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service that keeps this connection is not running")]
#[non_exhaustive]
pub struct NotConnected;

impl<C: Clone + Send + Sync + 'static> ClientService<C> {
    /// A service that keeps a connection, which `connect` makes.
    pub fn new<F, T, D>(connect: F) -> Self
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(C, D), BoxError>> + Send + 'static,
        D: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let connect = move |cx| {
            let connected = connect(cx);
            async move { connected.await.map(|(client, connection)| (client, connection.boxed())) }
                .boxed()
        };
        let state = Arc::new(watch::Sender::new(State::Stopped));
        let client = Client { state, retry_now: Arc::default() };
        Self { connect: Arc::new(connect), retry: Restart::always(), client, running: None }
    }

    /// Sets the delays between attempts. Other settings of the policy have no effect.
    pub fn retry(mut self, retry: Restart) -> Self {
        self.retry = retry;
        self
    }

    /// Access to the connection, without looking the service up.
    pub fn client(&self) -> Client<C> {
        self.client.clone()
    }
}

impl<C: Clone> Client<C> {
    /// Waits until there is a connection.
    ///
    /// # Errors
    /// If the service is not running, or stops meanwhile.
    pub async fn when_connected(&self) -> Result<C, NotConnected> {
        let mut states = self.state.subscribe();
        // The sender lives as long as this.
        let state = states.wait_for(|state| !matches!(state, State::Connecting)).await;
        match state.as_deref() {
            Ok(State::Connected(client)) => Ok(client.clone()),
            _ => Err(NotConnected),
        }
    }

    /// The connection, if there is one now.
    pub fn connected(&self) -> Option<C> {
        match &*self.state.borrow() {
            State::Connected(client) => Some(client.clone()),
            State::Connecting | State::Stopped => None,
        }
    }

    /// Makes a waiting service try again immediately, with short delays afterwards. For when there is a reason to
    /// expect success.
    pub fn reset(&self) {
        self.retry_now.notify_waiters();
    }
}

#[async_trait]
impl<C: Clone + Send + Sync + 'static> Service for ClientService<C> {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.client.state.send_replace(State::Connecting);
        let keep = Keep {
            connect: self.connect.clone(),
            retry: self.retry.clone(),
            client: self.client.clone(),
        };
        let keep = Arc::new(keep);
        let running = ServiceFn::new(move |cx| keep.clone().keep_connected(cx));
        self.running.insert(running).start(cx).await
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let stopped = match &mut self.running {
            Some(running) => running.stop(deadline).await,
            None => Ok(()),
        };
        self.running = None;
        self.client.state.send_replace(State::Stopped);
        stopped
    }

    fn handle(&self) -> Option<Handle> {
        Some(Handle::new(self.client.clone()))
    }
}

/// What the service's task needs.
struct Keep<C> {
    connect: Arc<Connect<C>>,
    retry: Restart,
    client: Client<C>,
}

impl<C: Clone + Send + Sync + 'static> Keep<C> {
    async fn keep_connected(self: Arc<Self>, cx: Context) -> Result<(), BoxError> {
        let made = cx.counter("client_connections", "Connections made.");
        let failures = cx.counter("client_connect_failures", "Attempts to connect that failed.");
        let mut waits = self.waits();
        loop {
            let connected = tokio::select! {
                () = cx.closing() => return Ok(()),
                connected = (self.connect)(cx.clone()) => connected,
            };
            let since = Instant::now();
            let lost = match connected {
                Ok((client, connection)) => {
                    made.add(1);
                    match self.work(&cx, client, connection).await {
                        Some(lost) => lost,
                        None => return Ok(()),
                    }
                }
                Err(error) => {
                    failures.add(1);
                    format!("can't connect: {}", chain(&*error))
                }
            };
            if since.elapsed() >= self.retry.window {
                waits = self.waits();
            }
            let wait = waits.next().unwrap_or(self.retry.max_delay);
            let next = format!("{lost}; connecting again in {:.1} s", wait.as_secs_f64());
            warn!("{next}");
            cx.status(next);
            tokio::select! {
                () = cx.closing() => return Ok(()),
                () = self.client.retry_now.notified() => waits = self.waits(),
                () = sleep(wait) => {}
            }
        }
    }

    /// Runs a connection as long as it lasts. Returns how it was lost; `None`: the service was closed.
    async fn work(&self, cx: &Context, client: C, mut connection: Connection) -> Option<String> {
        info!("connected");
        cx.status("connected");
        self.client.state.send_replace(State::Connected(client));
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = cx.closing() => None,
        };
        let is_closing = ended.is_none();
        let next = if is_closing { State::Stopped } else { State::Connecting };
        self.client.state.send_replace(next);
        let ended = match ended {
            Some(ended) => ended,
            None => connection.await,
        };
        let how = match ended {
            Ok(()) => "the connection has ended".to_owned(),
            Err(error) => format!("the connection was lost: {}", chain(&*error)),
        };
        if is_closing {
            info!("{how}");
            return None;
        }
        Some(how)
    }

    fn waits(&self) -> ExponentialBackoff {
        self.retry.waits().with_jitter().build()
    }
}
