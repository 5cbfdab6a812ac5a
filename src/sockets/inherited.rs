//! Sockets that another process opened for this one: those of systemd's socket units, or those of the previous
//! process, which systemd has kept in its descriptor store.

use super::store::service_of;
use super::{Endpoint, ListenOptions, Origin, unix};
use crate::file_id::FileId;
use crate::service::ServicePath;
use socket2::{SockRef, Socket};
use std::fmt;
use std::os::fd::OwnedFd;

/// An inherited descriptor, with the name that came with it (systemd's `FileDescriptorName=`, or the `FDNAME=`
/// with which it was stored).
#[derive(Debug)]
pub(crate) struct Inherited {
    fd: OwnedFd,
    name: Option<String>,
    /// `None`: it is not a socket that a service could listen on.
    pub(super) endpoint: Option<Endpoint>,
}

impl Inherited {
    /// A descriptor as it was inherited.
    pub(crate) fn new(fd: OwnedFd, name: Option<String>) -> Self {
        let endpoint = Endpoint::of(&fd);
        Self { fd, name, endpoint }
    }

    /// Whether this is a socket that a service could listen on.
    pub(crate) fn is_listening(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Who opened it: this program stores sockets with names that have a number after a slash.
    pub(super) fn origin(&self) -> Origin {
        match self.name.as_deref().and_then(service_of) {
            Some(_) => Origin::Stored,
            None => Origin::Inherited,
        }
    }

    /// The name with which it is stored.
    pub(super) fn stored_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| service_of(name).is_some())
    }

    /// A sort key by which the best of several descriptors for a service that wants `wanted` comes first. `None`:
    /// this one can't be used.
    ///
    /// What an administrator has configured in systemd comes before what was stored, by its address, then by its
    /// name. For what was stored, the address decides or, if any port will do, the service's name.
    pub(super) fn rank(
        &self,
        service: &ServicePath,
        wanted: &Endpoint,
        options: &ListenOptions,
    ) -> Option<u8> {
        let own = self.endpoint.as_ref()?;
        let same = own == wanted;
        match self.origin() {
            Origin::Inherited if same => Some(0),
            Origin::Inherited => {
                let named = self.name.as_deref() == Some(service.as_str());
                (named && own.is_like(wanted)).then_some(1)
            }
            _ if same => can_be_kept(own, options).then_some(2),
            _ => {
                let stored_for = self.name.as_deref().and_then(service_of);
                let any_port = wanted.address().is_some_and(|address| address.port() == 0);
                let mine = stored_for == Some(service.as_str()) && is_at(own, wanted);
                (any_port && mine).then_some(3)
            }
        }
    }

    /// Whether two descriptors are the same socket.
    pub(super) fn is_same_as(&self, other: &Inherited) -> bool {
        let id = |inherited: &Inherited| FileId::of_descriptor(&inherited.fd).ok();
        id(self).is_some_and(|own| id(other) == Some(own))
    }

    /// Whether this is an IPv6 socket for all addresses that is not IPv6-only: systemd opens such a socket for
    /// `ListenStream=` or `ListenDatagram=` with only a port.
    pub(super) fn takes_ipv4_too(&self) -> bool {
        let address = self.endpoint.as_ref().and_then(Endpoint::address);
        let all = address.is_some_and(|own| own.is_ipv6() && own.ip().is_unspecified());
        all && SockRef::from(&self.fd).only_v6().is_ok_and(|only| !only)
    }

    /// The file of a Unix socket that belongs to this program.
    pub(super) fn file(&self) -> Option<unix::SocketFile> {
        match (&self.endpoint, self.origin()) {
            (Some(Endpoint::Unix(path)), Origin::Stored) => unix::SocketFile::of(path).ok(),
            _ => None,
        }
    }

    /// The socket. One that was stored gets the backlog that is set now; its queue stays.
    pub(super) fn into_socket(self, backlog: u32) -> Socket {
        let (stored, endpoint) = (self.origin() == Origin::Stored, self.endpoint);
        let socket = Socket::from(self.fd);
        // These can't fail on an open socket. If they did, accepting clients would report it.
        let _ = socket.set_nonblocking(true);
        if stored && !matches!(endpoint, Some(Endpoint::Udp(_))) {
            let _ = socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX));
        }
        socket
    }
}

/// Whether the file of a stored Unix socket still leads to it, and has the mode that is set now. Somebody may
/// have removed it, or changed the application file.
fn can_be_kept(endpoint: &Endpoint, options: &ListenOptions) -> bool {
    match endpoint {
        Endpoint::Unix(path) => unix::is_reachable(path, options.mode),
        _ => true,
    }
}

/// Whether these have the same IP address and kind, whatever their ports.
fn is_at(own: &Endpoint, wanted: &Endpoint) -> bool {
    let ip = |endpoint: &Endpoint| endpoint.address().map(|address| address.ip());
    own.is_like(wanted) && ip(own) == ip(wanted)
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.endpoint {
            Some(endpoint) => endpoint.to_string(),
            None => "not a socket that listens".into(),
        };
        match &self.name {
            Some(name) => write!(f, "{} ({what})", name.escape_debug()),
            None => f.write_str(&what),
        }
    }
}
