//! Every listening socket of the process, inherited or bound.
//!
//! A service asks [`Sockets`] for a listener by its own name and the address; it gets the one that was
//! handed over for either (by systemd's [socket activation], for example), or a newly bound one.
//!
//! [socket activation]: https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html

mod bind;
mod holder;
mod inherited;

pub use bind::ListenError;
pub use inherited::Inherited;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All listening sockets of the process. Lent to services as a resource.
#[derive(Default)]
pub struct Sockets {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    unclaimed: Vec<Inherited>,
    listening: Vec<Listening>,
    /// Services and ports with an inherited IPv6 socket that takes IPv4 clients, too.
    dual_stack: Vec<(String, u16)>,
}

/// One listening socket, as [`Sockets::list`] shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The service that asked for it.
    pub service: String,
    /// The address, with the port that the kernel chose where 0 was asked for.
    pub address: SocketAddr,
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.service)
    }
}

impl Sockets {
    /// The sockets of a process that was handed none.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sockets of a process that was handed these.
    pub fn with_inherited(unclaimed: Vec<Inherited>) -> Self {
        Self { state: Mutex::new(State { unclaimed, ..State::default() }) }
    }

    /// A non-blocking TCP listener for `service` at `address`: the inherited socket named after the
    /// service, else the inherited one of that address, else a new one with a queue of `backlog`
    /// connections. New IPv6 sockets are IPv6 only.
    ///
    /// `None`: an inherited IPv6 socket that the service has got already takes IPv4 clients, too.
    ///
    /// # Errors
    /// If the address can't be bound. "In use" comes with the process that holds it, where that can be
    /// found out.
    pub fn listen_tcp(
        &self,
        service: &str,
        address: SocketAddr,
        backlog: u32,
    ) -> Result<Option<TcpListener>, ListenError> {
        let mut state = self.lock();
        if address.is_ipv4() && state.dual_stack.contains(&(service.into(), address.port())) {
            return Ok(None);
        }
        let listener = match state.claim_tcp(service, address) {
            Some(listener) => listener,
            None => bind::tcp(address, backlog)?,
        };
        let address = listener.local_addr().map_err(|e| ListenError::new(address, e))?;
        state.listening.push(Listening { service: service.into(), address });
        Ok(Some(listener))
    }

    /// Forgets a socket that its service has closed.
    pub fn closed(&self, service: &str, address: SocketAddr) {
        self.lock().listening.retain(|l| l.service != service || l.address != address);
    }

    /// The sockets that are listening now, in the order in which they were opened.
    pub fn list(&self) -> Vec<Listening> {
        self.lock().listening.clone()
    }

    /// Takes the inherited sockets that no service has asked for. Dropping them closes them.
    pub fn take_unclaimed(&self) -> Vec<Inherited> {
        std::mem::take(&mut self.lock().unclaimed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn claim_tcp(&mut self, service: &str, address: SocketAddr) -> Option<TcpListener> {
        let by_name = |i: &Inherited| i.name() == Some(service) && i.is_tcp_for(address);
        let by_address = |i: &Inherited| i.tcp_address() == Some(address);
        let at = self
            .unclaimed
            .iter()
            .position(by_name)
            .or_else(|| self.unclaimed.iter().position(by_address))?;
        let inherited = self.unclaimed.remove(at);
        if inherited.takes_ipv4_too() {
            self.dual_stack.push((service.into(), address.port()));
        }
        Some(inherited.into_tcp_listener())
    }
}
