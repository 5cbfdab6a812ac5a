//! `protocol = "forward"`: a connection to another server, forwarded byte for byte.

use super::address::{Address, address};
use super::buffers::Buffers;
use super::connect::Connector;
use super::copy::copy_both_ways;
use super::pipes::Pipes;
use super::traffic::Traffic;
use crate::config::{ProtocolKind, Section, read};
use crate::net::{Connection, Protocol};
use crate::service::{BoxError, Context, Counter};
use async_trait::async_trait;
use clap::Args;
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tracing::info;

/// How long a connection may be quiet at a stop before it is reset, if the deadline has not come by then.
const QUIET_AT_STOP: Duration = Duration::from_secs(5);

/// The settings of the forward protocol.
#[derive(Args, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ForwardSettings {
    /// The server to connect clients to [example: example.org:10000]
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Address,
    /// How long connecting to it may take.
    #[arg(skip = CONNECT_TIMEOUT)]
    pub connect_timeout: Duration,
    /// How long a connection is kept on which no data passes in either direction.
    #[arg(skip = IDLE_TIMEOUT)]
    pub idle_timeout: Duration,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

impl ForwardSettings {
    /// Forwards to a server that may take 10 seconds to answer, on connections that may be idle for an hour.
    pub fn new(to: Address) -> Self {
        Self { to, connect_timeout: CONNECT_TIMEOUT, idle_timeout: IDLE_TIMEOUT }
    }
}

impl ProtocolKind for ForwardSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let to = section.about_options::<Self>().required("to", address);
        let connect_timeout = section
            .about("How long connecting to that server may take [default: 10]")
            .optional("connect-timeout", read::seconds_above_0);
        let idle_timeout = section
            .about("How long a connection is kept on which no data passes [default: 3600]")
            .optional("idle-timeout", read::seconds_above_0);
        let default = Self::new(to?);
        section.connects_to("to", Some(&default.to));
        Some(Self {
            connect_timeout: connect_timeout.unwrap_or(default.connect_timeout),
            idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
            ..default
        })
    }

    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(PortForward::new(self.clone(), cx)))
    }
}

/// Connects every client to another server and passes on what either of them sends. When one closes its side, the
/// other side is closed; when one resets, so does the other.
///
/// A connection on which no data passes for the idle timeout is reset at both ends.
///
/// A forwarder can't know what a stop may cut, since it does not understand what it passes on. nginx and HAProxy
/// leave every connection to its ends, until a deadline. So does this one, except that a connection on which no
/// data has passed for 5 seconds, before or after the stop, is reset. It is not reset while one end still has to
/// accept what the other has sent, or to answer after the other has closed its side.
pub struct PortForward {
    settings: ForwardSettings,
    connector: Connector,
    counters: ForwardCounters,
    buffers: Buffers,
    pipes: Pipes,
}

/// What a listener counts itself includes a connection's bytes only when it has ended, which may take days. These
/// are counted as they pass.
struct ForwardCounters {
    to_target: Counter,
    to_client: Counter,
    connect_failures: Counter,
}

impl PortForward {
    /// A forwarder that counts for the service with this context.
    pub fn new(settings: ForwardSettings, cx: &Context) -> Self {
        let (connector, buffers) = Default::default();
        let (counters, pipes) = (ForwardCounters::of(cx), Pipes::of(cx));
        Self { settings, connector, counters, buffers, pipes }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let ForwardSettings { to, connect_timeout, .. } = &self.settings;
        self.connector.connect(to, *connect_timeout).await.map_err(|e| {
            self.counters.connect_failures.add(1);
            io::Error::other(e)
        })
    }
}

impl ForwardCounters {
    fn of(cx: &Context) -> Self {
        let to_target = "Bytes passed on to the target, counted as they pass.";
        let to_client = "Bytes passed on to clients, counted as they pass.";
        let failures = "Clients for whom connecting to the target failed.";
        Self {
            to_target: cx.counter("forward_to_target_bytes", to_target),
            to_client: cx.counter("forward_to_client_bytes", to_client),
            connect_failures: cx.counter("forward_connect_failures", failures),
        }
    }
}

#[async_trait]
impl Protocol for PortForward {
    /// The client's connection, and the one to the other server.
    fn descriptors(&self) -> usize {
        2
    }

    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let ForwardSettings { to, idle_timeout, .. } = &self.settings;
        let peer = *connection.peer();
        let mut other = self.connect().await?;
        info!(%peer, "forwarding {peer} to {to}");
        // As on the client's side: unless everything has been passed on, the connection is reset.
        SockRef::from(&other).set_linger(Some(Duration::ZERO))?;
        let (stopping, traffic) = (connection.stopping(), Traffic::new());
        let quiet_at_stop = async {
            stopping.await;
            traffic.none_expected_for(QUIET_AT_STOP).await;
        };
        let ForwardCounters { to_target, to_client, .. } = &self.counters;
        let mut near = traffic.watch(connection, to_client);
        let mut far = traffic.watch(&mut other, to_target);
        let (up, down) = tokio::select! {
            biased;
            copied = copy_both_ways(&mut near, &mut far, &self.buffers, &self.pipes) => copied?,
            () = quiet_at_stop => return Err(nothing_passed_for(QUIET_AT_STOP, " at the stop")),
            () = traffic.none_for(*idle_timeout) => return Err(nothing_passed_for(*idle_timeout, "")),
        };
        SockRef::from(&other).set_linger(None)?;
        info!(%peer, up, down, "forwarded {up} bytes from {peer} to {to}, and {down} back");
        Ok(())
    }
}

fn nothing_passed_for(time: Duration, when: &str) -> io::Error {
    let seconds = time.as_secs_f64();
    io::Error::new(io::ErrorKind::TimedOut, format!("no data passed for {seconds} seconds{when}"))
}
