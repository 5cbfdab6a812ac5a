//! Where and how a server listens on TCP, as one value.

use super::listen::Wanted;
use super::{Interface, Protocol, ServerOptions, TcpServer};
use crate::service::{BoxError, Context, PrivilegedContext};
use crate::sockets::{Endpoint, LentSocket, ListenOptions};
use clap::Args;
use socket2::SockRef;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Where a server listens on TCP, and how: an interface, a port, and the options of the server.
///
/// A kind of service contains it in its settings, and reads it with
/// [`Section::listen`](crate::config::Section::listen). A plugin contains it in its options, with
/// `#[command(flatten)]`. [`server`](Self::server) makes a [`TcpServer`] of it. A service that leaves its
/// clients to another library is made by [`serve`](Self::serve), and one that accepts them itself opens its sockets
/// with [`open`](Self::open).
#[derive(Args, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Listen {
    /// The port; 0 means any free one
    #[arg(short, long)]
    pub port: u16,
    /// The interface: a name, an address, or '*' for all
    #[arg(
        long = "iface",
        alias = "interface",
        value_name = "HOST",
        default_value = "localhost",
        value_parser = Interface::resolve
    )]
    pub interface: Interface,
    /// The other options.
    #[command(flatten)]
    pub options: ServerOptions,
}

impl Listen {
    /// A port of an interface, with the default options.
    pub fn new(interface: Interface, port: u16) -> Self {
        Self { interface, port, options: ServerOptions::default() }
    }

    /// Sets the other options.
    pub fn options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// The addresses, as far as they are known before the sockets are open: the port may be 0.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.interface.addresses(self.port)
    }

    /// A server that listens there. `make_protocol` is called at every start.
    pub fn server<P: Protocol>(
        self,
        make_protocol: impl Fn(&Context) -> Result<P, BoxError> + Send + 'static,
    ) -> TcpServer {
        TcpServer::new(self.interface, self.port, make_protocol).options(self.options)
    }

    /// Like [`server`](Self::server), for a protocol whose type is known only at run time.
    pub fn server_with_shared_protocol(
        self,
        make_protocol: impl Fn(&Context) -> Result<Arc<dyn Protocol>, BoxError> + Send + 'static,
    ) -> TcpServer {
        let Self { interface, port, options } = self;
        TcpServer::with_shared_protocol(interface, port, make_protocol).options(options)
    }

    /// Where it listens, in words.
    #[cfg(feature = "web")]
    pub(crate) fn described(&self) -> String {
        self.interface.described(self.port)
    }

    /// Opens a listening socket on every address, for a service that accepts clients itself. Call this in its
    /// [`privileged_start`](crate::service::Service::privileged_start). In
    /// [`start`](crate::service::Service::start), [`LentSocket::tokio_listener`] makes a listener of each, for
    /// `axum::serve` for example.
    ///
    /// The sockets belong to the process, like those of a [`TcpServer`]: they may come from systemd, they outlive
    /// a restart of the service, and `poetryd check` knows them. Keep each [`LentSocket`] as long as its listener
    /// exists. Wait for [`Context::all_started`](crate::service::Context::all_started) before you accept the
    /// first client, and if the socket [is shared](LentSocket::is_shared), accept those who wait before you close
    /// it.
    ///
    /// Some things that a [`TcpServer`] does for its connections are not done for yours:
    ///
    /// - An answer that is cut, because the daemon stops or is killed, ends like a complete one. (Connections of
    ///   a `TcpServer` are reset then. Yours are not, since a library that drops a socket after its last write
    ///   expects the kernel to send the rest.)
    /// - No descriptors are reserved for a connection: if the process has none left, accepting fails, and those
    ///   that you use are missing elsewhere. Of the options, only the backlog has an effect: limit the number and
    ///   the duration of connections yourself.
    /// - Connections are neither counted nor logged unless you do it, and a stop does not wait for them: finish
    ///   them in [`stop`](crate::service::Service::stop).
    ///
    /// ```
    /// use poetryd::async_trait;
    /// use poetryd::net::Listen;
    /// use poetryd::service::{BoxError, Context, PrivilegedContext, Service};
    /// use poetryd::sockets::LentSocket;
    /// use tokio::task::JoinHandle;
    /// use tokio::time::Instant;
    ///
    /// struct Hello {
    ///     listen: Listen,
    ///     sockets: Vec<LentSocket>,
    ///     tasks: Vec<JoinHandle<()>>,
    /// }
    ///
    /// #[async_trait]
    /// impl Service for Hello {
    ///     fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
    ///         self.sockets = self.listen.open(cx)?;
    ///         Ok(())
    ///     }
    ///
    ///     async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
    ///         for socket in &self.sockets {
    ///             let (listener, context) = (socket.tokio_listener()?, cx.clone());
    ///             self.tasks.push(cx.spawn(async move {
    ///                 context.all_started().await;
    ///                 loop {
    ///                     let (client, _) = listener.accept().await?; // or: axum::serve(listener, router)
    ///                     client.try_write(b"hello\n")?;
    ///                 }
    ///             }));
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
    ///         self.tasks.drain(..).for_each(|task| task.abort());
    ///         self.sockets.clear();
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If an address can't be listened on, unless the interface is a name and this machine has no such address;
    /// and if there is none at all.
    pub fn open(&self, cx: &PrivilegedContext) -> Result<Vec<LentSocket>, BoxError> {
        let (interface, port) = (&self.interface, self.port);
        let backlog = self.options.backlog;
        let options =
            ListenOptions { backlog, before_listen: leave_to_the_kernel, ..Default::default() };
        Wanted { interface, port, endpoint: Endpoint::Tcp, options }.open(cx)
    }
}

/// Makes the kernel send what is written to a connection that is then dropped, even if a [`TcpServer`] has had
/// the socket before.
fn leave_to_the_kernel(socket: BorrowedFd<'_>) {
    let _ = SockRef::from(&socket).set_linger(None); // it can't fail on a listening socket
}
