//! Every listening socket of the process, inherited or bound.
//!
//! A service asks [`Sockets`] for a socket by its own name and the address; it gets the one that was
//! handed over for either (by systemd's [socket activation], for example), or a newly bound one.
//!
//! [socket activation]: https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html

mod bind;
mod holder;
mod inherited;

pub use bind::ListenError;
pub use inherited::Inherited;

use socket2::Socket;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is spoken on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

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
    /// What is spoken on it.
    pub transport: Transport,
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
        let bind = || bind::tcp(address, backlog);
        Ok(self.open(service, Transport::Tcp, address, bind)?.map(TcpListener::from))
    }

    /// A non-blocking UDP socket for `service` at `address`, found or made as [`listen_tcp`] does it. No
    /// other process can share the port.
    ///
    /// `None`: an inherited IPv6 socket that the service has got already takes IPv4 datagrams, too.
    ///
    /// # Errors
    /// As of [`listen_tcp`].
    ///
    /// [`listen_tcp`]: Self::listen_tcp
    pub fn bind_udp(
        &self,
        service: &str,
        address: SocketAddr,
    ) -> Result<Option<UdpSocket>, ListenError> {
        let bind = || bind::udp(address);
        Ok(self.open(service, Transport::Udp, address, bind)?.map(UdpSocket::from))
    }

    fn open(
        &self,
        service: &str,
        transport: Transport,
        address: SocketAddr,
        bind: impl FnOnce() -> io::Result<Socket>,
    ) -> Result<Option<Socket>, ListenError> {
        let mut state = self.lock();
        if address.is_ipv4() && state.dual_stack.contains(&(service.into(), address.port())) {
            return Ok(None);
        }
        let open = || -> io::Result<(Socket, SocketAddr)> {
            let inherited = state.claim(service, transport, address);
            let socket = inherited.map_or_else(bind, Ok)?;
            let bound = socket.local_addr()?.as_socket();
            Ok((socket, bound.unwrap_or(address)))
        };
        let (socket, address) = open().map_err(|e| ListenError::new(transport, address, e))?;
        state.listening.push(Listening { service: service.into(), transport, address });
        Ok(Some(socket))
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
    fn claim(
        &mut self,
        service: &str,
        transport: Transport,
        address: SocketAddr,
    ) -> Option<Socket> {
        let by_name = |i: &Inherited| i.name() == Some(service) && i.is_for(transport, address);
        let by_address = |i: &Inherited| i.address(transport) == Some(address);
        let at = self
            .unclaimed
            .iter()
            .position(by_name)
            .or_else(|| self.unclaimed.iter().position(by_address))?;
        let inherited = self.unclaimed.remove(at);
        if inherited.takes_ipv4_too(transport) {
            self.dual_stack.push((service.into(), address.port()));
        }
        Some(inherited.into_socket())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_udp_port_is_had_by_one_service_beside_the_tcp_port_of_its_number() {
        let sockets = Sockets::new();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let udp = sockets.bind_udp("udp", any_port).unwrap().unwrap();
        let address = udp.local_addr().unwrap();
        let in_use = sockets.bind_udp("other", address).unwrap_err();
        assert!(in_use.is_in_use());
        assert!(in_use.to_string().ends_with("in use by this process itself"), "{in_use}");
        let tcp = sockets.listen_tcp("tcp", address, 1).unwrap();
        assert!(tcp.is_some());
        let listed =
            |service: &str, transport| Listening { service: service.into(), transport, address };
        assert_eq!(sockets.list(), [listed("udp", Transport::Udp), listed("tcp", Transport::Tcp)]);
        sockets.closed("udp", address);
        assert_eq!(sockets.list(), [listed("tcp", Transport::Tcp)]);
    }
}
