//! Sockets for all addresses of an interface.

use super::Interface;
use crate::service::BoxError;
use crate::sockets::{ListenError, Sockets};
use socket2::SockRef;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use tracing::warn;

/// How often a common free port is looked for, for the several addresses of one name.
const PORT_ATTEMPTS: usize = 16;

/// Opens a socket for `service` on every address of `interface`; `port` 0 is one free port for all.
///
/// # Errors
/// If one of them can't be opened, unless `interface` is a name and this machine has no such address; and
/// if there is none at all.
pub(super) fn listen_on_all<S: AsFd>(
    interface: &Interface,
    port: u16,
    sockets: &Sockets,
    service: &str,
    open: impl Fn(SocketAddr) -> Result<Option<S>, ListenError>,
) -> Result<Vec<S>, BoxError> {
    for attempt in 1.. {
        match try_all(interface, port, sockets, service, &open) {
            // The port that the first address got is taken on another one.
            Err(e) if port == 0 && e.is_in_use() && attempt < PORT_ATTEMPTS => {}
            Err(e) => return Err(e.into()),
            Ok(opened) if opened.is_empty() => break,
            Ok(opened) => return Ok(opened),
        }
    }
    Err(format!("{interface} has no address on this machine").into())
}

fn try_all<S: AsFd>(
    interface: &Interface,
    mut port: u16,
    sockets: &Sockets,
    service: &str,
    open: impl Fn(SocketAddr) -> Result<Option<S>, ListenError>,
) -> Result<Vec<S>, ListenError> {
    let mut opened: Vec<S> = Vec::new();
    for mut address in interface.addresses(port) {
        address.set_port(port);
        match open(address) {
            Ok(None) => {}
            Ok(Some(socket)) => {
                port = local_address(&socket).map_or(port, |bound| bound.port());
                opened.push(socket);
            }
            Err(e) if e.is_absent() && !interface.is_literal() => {
                warn!("not listening on {address}: {}", e.source);
            }
            Err(e) => {
                for bound in opened.iter().filter_map(local_address) {
                    sockets.closed(service, bound);
                }
                return Err(e);
            }
        }
    }
    Ok(opened)
}

fn local_address(socket: &impl AsFd) -> Option<SocketAddr> {
    SockRef::from(socket).local_addr().ok()?.as_socket()
}
