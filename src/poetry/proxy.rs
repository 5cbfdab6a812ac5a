//! `protocol = "proxy"`: the poem of another server, fetched when it is first asked for.

use super::address::{Address, address};
use super::fetch::{Client, FetchError, Limits};
use crate::config::{ProtocolKind, Section, read};
use crate::net::{Connection, Payload, Peer, Protocol};
use crate::service::{BoxError, Context, Counter};
use crate::sync::Mutex;
use async_trait::async_trait;
use bytes::Bytes;
use clap::Args;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tracing::{info, warn};

/// The settings of the proxy protocol.
#[derive(Args, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProxySettings {
    /// The server whose poem is served [example: example.org:10000]
    #[arg(value_name = "[HOST:]PORT")]
    pub upstream: Address,
    /// How long a fetched poem is kept [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = read::parse_seconds)]
    pub ttl: Option<Duration>,
    /// How long the other server may take, and how long its poem may be.
    #[arg(skip)]
    pub limits: Limits,
}

impl ProtocolKind for ProxySettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.about_options::<Self>();
        let default = Limits::default();
        let upstream = section.required("upstream", address);
        section.connects_to("upstream", upstream.as_ref());
        let ttl = section.optional("ttl", read::seconds);
        let limits = Limits {
            connect_timeout: section
                .about("How long connecting to the server may take [default: 10]")
                .optional("connect-timeout", read::seconds_above_0)
                .unwrap_or(default.connect_timeout),
            silence_timeout: section
                .about("How long the server may send nothing [default: 30]")
                .optional("silence-timeout", read::seconds_above_0)
                .unwrap_or(default.silence_timeout),
            max_length: section
                .about("The longest poem [default: 16MiB]")
                .optional("max-length", read::length)
                .unwrap_or(default.max_length),
        };
        Some(Self { upstream: upstream?, ttl, limits })
    }

    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(PoetryProxy::new(self.clone(), cx)))
    }
}

/// Serves the poem of another server.
///
/// The poem is fetched once for all clients that ask for it meanwhile. If the last of them leaves (closes its
/// side of the connection), the fetch is abandoned. If the fetch fails, the waiting clients are closed without a
/// byte, and the next client starts a new attempt. An incomplete poem is never passed on.
pub struct PoetryProxy(Arc<Inner>);

struct Inner {
    upstream: Address,
    ttl: Option<Duration>,
    client: Client,
    state: Mutex<State>,
    counters: ProxyCounters,
}

/// A client that asks for the poem is a hit, begins a fetch, or waits for one.
struct ProxyCounters {
    hits: Counter,
    fetches: Counter,
    waits: Counter,
    failures: Counter,
    abandoned: Counter,
}

#[derive(Default)]
struct State {
    kept: Option<FetchedPoem>,
    /// The fetch in progress. It continues as long as somebody waits for it.
    fetching: Option<WeakShared<Fetch>>,
}

struct FetchedPoem {
    poem: Bytes,
    fetched: Instant,
}

type Fetch = BoxFuture<'static, Result<Bytes, Arc<FetchError>>>;

impl PoetryProxy {
    /// A proxy that has not fetched anything yet, and that counts for the service with this context.
    pub fn new(settings: ProxySettings, cx: &Context) -> Self {
        let ProxySettings { upstream, ttl, limits } = settings;
        let client = Client::new(limits);
        let (state, counters) = (Mutex::default(), ProxyCounters::of(cx));
        Self(Arc::new(Inner { upstream, ttl, client, state, counters }))
    }
}

impl ProxyCounters {
    fn of(cx: &Context) -> Self {
        let waits = "Clients that waited for a fetch that another client had begun.";
        let abandoned = "Fetches that were abandoned because no client waited any more.";
        Self {
            hits: cx.counter("proxy_hits", "Clients that got the poem that was kept."),
            fetches: cx.counter("proxy_fetches", "Fetches that were begun."),
            waits: cx.counter("proxy_waits", waits),
            failures: cx.counter("proxy_fetch_failures", "Fetches that failed."),
            abandoned: cx.counter("proxy_fetches_abandoned", abandoned),
        }
    }
}

impl Inner {
    /// The poem that was fetched last, for a client, unless it is too old.
    fn kept(&self, state: &State) -> Option<Bytes> {
        let kept = state.kept.as_ref()?;
        let fresh = self.ttl.is_none_or(|ttl| kept.fetched.elapsed() < ttl);
        fresh.then(|| {
            self.counters.hits.add(1);
            kept.poem.clone()
        })
    }

    /// The poem, or the fetch in progress, or a new one. (The poem may have arrived after this client did.)
    fn ask(self: &Arc<Self>) -> Shared<Fetch> {
        let mut state = self.state.lock();
        if let Some(poem) = self.kept(&state) {
            return std::future::ready(Ok(poem)).boxed().shared();
        }
        if let Some(fetching) = state.fetching.as_ref().and_then(WeakShared::upgrade) {
            self.counters.waits.add(1);
            return fetching;
        }
        let fetching = self.clone().fetch().boxed().shared();
        state.fetching = fetching.downgrade();
        fetching
    }

    async fn fetch(self: Arc<Self>) -> Result<Bytes, Arc<FetchError>> {
        let upstream = &self.upstream;
        info!("fetching a poem from {upstream}");
        self.counters.fetches.add(1);
        let abandoned = Abandoned(&self);
        let fetched = self.client.fetch(upstream, |_| {}).await;
        std::mem::forget(abandoned);

        let mut state = self.state.lock();
        state.fetching = None; // from now on, clients get what is kept, or start a new attempt
        match fetched {
            Ok(poem) => {
                let bytes = poem.len();
                info!(bytes, "fetched a poem from {upstream} ({bytes} bytes)");
                state.kept = Some(FetchedPoem { poem: poem.clone(), fetched: Instant::now() });
                Ok(poem)
            }
            Err(e) => {
                warn!("can't fetch the poem: {e}");
                self.counters.failures.add(1);
                Err(Arc::new(e))
            }
        }
    }
}

/// Logs and counts, when dropped, that a fetch was abandoned.
struct Abandoned<'a>(&'a Inner);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Inner { upstream, counters, .. } = self.0;
        counters.abandoned.add(1);
        info!("no client waits for the poem from {upstream} any more; the fetch was abandoned");
    }
}

#[async_trait]
impl Protocol for PoetryProxy {
    /// A poem that has been fetched is sent like any other.
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
        let poem = self.0.kept(&self.0.state.lock())?;
        say_sending(&poem, peer);
        Some(poem.into())
    }

    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let peer = *connection.peer();
        let fetched = tokio::select! {
            biased;
            fetched = self.0.ask() => fetched,
            () = client_leaves(connection) => {
                info!(%peer, "{peer} left before the poem arrived");
                return Ok(());
            }
        };
        match fetched {
            Ok(poem) => {
                say_sending(&poem, &peer);
                connection.write_all(&poem).await
            }
            Err(_) => Ok(()), // logged already, once for all waiting clients
        }
    }
}

fn say_sending(poem: &Bytes, peer: &Peer) {
    let bytes = poem.len();
    info!(bytes, %peer, "sending {bytes} bytes of poetry to {peer}");
}

/// Waits until the client has closed its side. What it sends is ignored.
async fn client_leaves(connection: &mut Connection) {
    let mut ignored = [0; 256];
    while connection.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}
