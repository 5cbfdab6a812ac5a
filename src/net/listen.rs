//! Sockets for all addresses of an interface.

use super::Interface;
use crate::service::{BoxError, PrivilegedContext};
use crate::sockets::{Endpoint, LentSocket, ListenError, ListenOptions, SocketUse, Sockets};
use std::fmt;
use std::net::SocketAddr;
use tracing::{info, warn};

/// How often to look for a free port that all addresses of one name have in common.
const PORT_ATTEMPTS: usize = 16;

/// The sockets of a running service, for the log.
pub(crate) struct ListenedOn(Vec<Address>);

struct Address {
    address: Endpoint,
    is_shared: bool,
    in_use: SocketUse,
}

impl ListenedOn {
    pub(crate) fn of(sockets: &[LentSocket]) -> Self {
        let address = |socket: &LentSocket| Address {
            address: socket.endpoint().clone(),
            is_shared: socket.is_shared(),
            in_use: socket.in_use(),
        };
        Self(sockets.iter().map(address).collect())
    }

    /// Logs that the service accepts nothing more on them.
    pub(crate) fn log_close(&self) {
        for Address { address, is_shared, in_use } in &self.0 {
            if in_use.is_handed_over() {
                info!(%address, "handing over {address}");
            } else if *is_shared {
                info!(%address, "closing {address}, which stays open for the next start");
            } else {
                info!(%address, "closing {address}");
            }
        }
    }
}

/// The addresses, separated by spaces.
impl fmt::Display for ListenedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Address { address, .. }) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{address}")?;
        }
        Ok(())
    }
}

/// Logs where a service listens from now on.
pub(crate) fn log_open(sockets: &[LentSocket]) {
    for socket in sockets {
        let address = socket.endpoint();
        info!(%address, "listening on {address}");
    }
}

/// What a service wants to listen on: every address of an interface, with one port.
pub(super) struct Wanted<'a> {
    pub(super) interface: &'a Interface,
    /// 0 is any free port, the same for all addresses.
    pub(super) port: u16,
    /// TCP or UDP.
    pub(super) endpoint: fn(SocketAddr) -> Endpoint,
    pub(super) options: ListenOptions,
}

impl Wanted<'_> {
    /// Opens a socket on every address, for the service with this context.
    ///
    /// # Errors
    /// If one of them can't be opened, unless the interface is a name and this machine has no such address; and
    /// if there is none at all.
    pub(super) fn open(&self, cx: &PrivilegedContext) -> Result<Vec<LentSocket>, BoxError> {
        let sockets = Sockets::lent_by(cx.resources());
        for attempt in 1.. {
            let mut opened = Vec::new();
            match self.open_all(cx, &sockets, &mut opened) {
                // The port that the first address got is in use on another one.
                Err(e) if self.port == 0 && e.is_in_use() && attempt < PORT_ATTEMPTS => {
                    opened.into_iter().for_each(|socket| sockets.discard(socket));
                }
                Err(e) => return Err(e.into()),
                Ok(()) if opened.is_empty() => break,
                Ok(()) => return Ok(opened),
            }
        }
        Err(format!("{} has no address on this machine", self.interface).into())
    }

    fn open_all(
        &self,
        cx: &PrivilegedContext,
        sockets: &Sockets,
        opened: &mut Vec<LentSocket>,
    ) -> Result<(), ListenError> {
        let mut port = self.port;
        for mut address in self.interface.addresses(port) {
            address.set_port(port);
            match sockets.open(cx.path(), &(self.endpoint)(address), &self.options) {
                Ok(None) => {}
                Ok(Some(socket)) => {
                    port = socket.endpoint().address().map_or(port, |bound| bound.port());
                    opened.push(socket);
                }
                Err(e) if e.is_absent() && !self.interface.is_literal() => {
                    warn!("not listening on {address}: {}", e.source);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
