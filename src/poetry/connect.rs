//! Connects to a server: looks up its name, and tries its addresses.
//!
//! A name may have several addresses, and any of them may not answer. So the addresses are tried as in RFC 8305
//! ("Happy Eyeballs"): IPv6 and IPv4 alternately, each a moment after the one before, which is not abandoned. The
//! first connection that is made is used.

use super::address::Address;
use crate::net::addresses_of;
use futures::stream::{FuturesUnordered, StreamExt};
use std::ffi::CStr;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long after one address the next one is tried, unless the first has failed by then.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses of a server are tried at the same time. Each uses a descriptor.
const MAX_ATTEMPTS: usize = 4;

/// How many names are looked up at the same time. Each lookup uses a thread and some descriptors.
const MAX_LOOKUPS: usize = 4;

/// How many addresses an error lists individually.
const MAX_REASONS: usize = 4;

/// More than a century: longer limits could overflow the clock.
const MAX_TIMEOUT: Duration = Duration::from_secs(4_000_000_000);

/// Connects to servers. Cheap to clone; a connector and its clones together look up at most four names at a time.
#[derive(Clone)]
pub struct Connector {
    lookups: Arc<Semaphore>,
}

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No address could be found for the server's name.
    #[error("can't find an address for {host}: {reason}")]
    NoAddress {
        /// The name.
        host: String,
        /// The error of the system's resolver.
        reason: String,
    },
    /// None of the server's addresses accepted the connection.
    #[error("can't connect to {address}: {reason}")]
    Unreachable {
        /// The server.
        address: Address,
        /// The error of the system; for each address, if they differ.
        reason: String,
    },
}

/// A failed attempt to connect to one address.
struct Failure {
    address: SocketAddr,
    /// `None`: there was no answer in time.
    error: Option<io::Error>,
}

impl Default for Connector {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Connector {
    /// Connects to one of a server's addresses. This takes no longer than `limit`, including the lookup of the
    /// name.
    ///
    /// # Errors
    /// If the name has no address, or none of its addresses accepts the connection in time.
    pub async fn connect(
        &self,
        address: &Address,
        limit: Duration,
    ) -> Result<TcpStream, ConnectError> {
        let deadline = Instant::now() + limit.min(MAX_TIMEOUT);
        let found = timeout_at(deadline, self.addresses_of(address)).await;
        let found = found.unwrap_or_else(|_| Err(no_answer_within(limit)));
        let addresses = found
            .map_err(|reason| ConnectError::NoAddress { host: address.host().into(), reason })?;
        race(&in_turn(addresses), deadline, TcpStream::connect).await.map_err(|failures| {
            let reason = explain(&failures, limit);
            ConnectError::Unreachable { address: address.clone(), reason }
        })
    }

    /// All addresses of a server. The resolver is only used if the host is not an address.
    async fn addresses_of(&self, address: &Address) -> Result<Vec<SocketAddr>, String> {
        let (host, port) = (address.ascii_host().to_owned(), address.port());
        if let Ok(literal) = host.parse::<IpAddr>() {
            return Ok(vec![(literal, port).into()]);
        }
        let resolve = move || addresses_of(&host, port);
        self.look_up(resolve).await.map_err(|e| reason_of_the_resolver(&e))
    }

    /// Asks the resolver. A lookup that is abandoned continues in its thread, and still counts towards the number
    /// of lookups at the same time.
    async fn look_up<T: Send + 'static>(
        &self,
        resolve: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = self.lookups.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (sender, receiver) = oneshot::channel();
        // Not spawn_blocking, which panics if the system can't start a thread.
        thread::Builder::new().name("resolver".into()).spawn(move || {
            let resolved = resolve();
            drop(place);
            let _ = sender.send(resolved); // possibly nobody waits for it any more
        })?;
        receiver.await.map_err(io::Error::other)?
    }
}

/// The addresses of both families alternately, beginning with the family of the first address.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let pairs = std::iter::from_fn(|| {
        let pair = [one.next(), other.next()];
        pair.iter().any(Option::is_some).then_some(pair)
    });
    pairs.flatten().flatten().collect()
}

/// Tries the addresses, each a moment after the one before, until there is a connection to one of them. An
/// address that is followed by others gets half of the remaining time, so that there is always some left for
/// them.
///
/// # Errors
/// If there is no connection until the deadline: the failures of the addresses that were tried, in order.
async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    deadline: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Vec<Failure>> {
    let attempt = async |address, until| match timeout_at(until, connect(address)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(Failure { address, error: Some(error) }),
        Err(_) => Err(Failure { address, error: None }),
    };
    let (mut attempts, mut failures) = (FuturesUnordered::new(), Vec::new());
    let (mut untried, mut due) = (addresses, Instant::now());
    loop {
        let may_start = attempts.len() < MAX_ATTEMPTS && Instant::now() < deadline;
        let next = untried.split_first().filter(|_| may_start);
        if attempts.is_empty() && next.is_none() {
            failures.sort_by_key(|f: &Failure| addresses.iter().position(|a| *a == f.address));
            return Err(failures);
        }
        tokio::select! {
            biased;
            Some(outcome) = attempts.next() => match outcome {
                Ok(connection) => return Ok(connection),
                Err(failure) => {
                    failures.push(failure);
                    due = Instant::now();
                }
            },
            Some((address, others)) = at(due, next), if next.is_some() => {
                let now = Instant::now();
                let half = now + deadline.saturating_duration_since(now) / 2;
                attempts.push(attempt(*address, if others.is_empty() { deadline } else { half }));
                untried = others;
                due = now + ATTEMPT_DELAY;
            }
        }
    }
}

/// The value, when it is time.
async fn at<T>(time: Instant, value: T) -> T {
    if Instant::now() < time {
        sleep_until(time).await; // a millisecond at least
    }
    value
}

fn no_answer_within(limit: Duration) -> String {
    format!("no answer within {} seconds", limit.as_secs_f64())
}

/// Says why the connections to all of the addresses failed: once, if the reason is the same for all.
fn explain(failures: &[Failure], limit: Duration) -> String {
    if failures.iter().all(|failure| failure.error.is_none()) {
        return no_answer_within(limit);
    }
    let reason =
        |failure: &Failure| failure.error.as_ref().map_or("no answer".into(), io::Error::to_string);
    let reasons: Vec<String> = failures.iter().map(reason).collect();
    if reasons.iter().all(|reason| *reason == reasons[0]) {
        return reasons[0].clone();
    }
    let each = failures.iter().zip(reasons).take(MAX_REASONS);
    let each: Vec<_> = each.map(|(f, reason)| format!("{}: {reason}", f.address)).collect();
    match failures.len().saturating_sub(MAX_REASONS) {
        0 => each.join("; "),
        more => format!("{}; and {more} more addresses", each.join("; ")),
    }
}

/// The meaning of the resolver's error. The standard library only passes on its text.
fn reason_of_the_resolver(error: &io::Error) -> String {
    let text = error.to_string();
    let Some(words) = text.strip_prefix("failed to lookup address information: ") else {
        return text;
    };
    match words {
        _ if words == words_of(libc::EAI_NONAME) => "no such name".into(),
        _ if words == words_of(libc::EAI_AGAIN) => {
            "no name server has answered; /etc/resolv.conf says which are asked".into()
        }
        _ => words.into(),
    }
}

/// The C library's text for an error of getaddrinfo(3).
fn words_of(error: libc::c_int) -> &'static str {
    // SAFETY: whatever the number, it returns a string that ends in a NUL byte and is never changed or freed.
    let words = unsafe { CStr::from_ptr(libc::gai_strerror(error)) };
    words.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
