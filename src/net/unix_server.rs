//! A service that listens on a Unix socket; see unix(7).

use super::Protocol;
use super::options::ServerOptions;
use super::serving::{MakeProtocol, Serving};
use super::socket::set_connection_options;
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use crate::sockets::{Endpoint, LentSocket, ListenOptions, Sockets, check_unix_path};
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::info;

/// A service that listens on a Unix socket with one protocol, as a [`TcpServer`](super::TcpServer) does on a
/// port. But Unix sockets have no reset: an answer that is cut just ends.
///
/// If nobody is listening on a socket file, it is replaced; if somebody is, that is an error. The file is removed
/// when the service closes, unless the socket [is shared](LentSocket::is_shared). A path that begins with `@` is
/// an abstract name, which is not a file and has no permissions.
///
/// It counts its connections: see [the module](super#what-is-counted).
pub struct UnixServer {
    path: PathBuf,
    mode: u32,
    options: ServerOptions,
    make_protocol: Box<MakeProtocol>,
    listener: Option<LentSocket>,
    serving: Option<Serving>,
}

impl UnixServer {
    /// The default permissions: everybody may connect, as with Twisted's UNIXServer.
    pub const DEFAULT_MODE: u32 = 0o666;

    /// A server at `path`, which is relative to the rundir. `make_protocol` is called at every start.
    pub fn new<P: Protocol>(
        path: impl Into<PathBuf>,
        make_protocol: impl Fn(&Context) -> Result<P, BoxError> + Send + 'static,
    ) -> Self {
        Self::with_shared_protocol(path, move |cx| Ok(Arc::new(make_protocol(cx)?)))
    }

    /// Like [`new`](Self::new), for a protocol whose type is known only at run time.
    pub fn with_shared_protocol(
        path: impl Into<PathBuf>,
        make_protocol: impl Fn(&Context) -> Result<Arc<dyn Protocol>, BoxError> + Send + 'static,
    ) -> Self {
        Self {
            path: path.into(),
            mode: Self::DEFAULT_MODE,
            options: ServerOptions::default(),
            make_protocol: Box::new(make_protocol),
            listener: None,
            serving: None,
        }
    }

    /// Sets the permissions of the socket: those who may write to it may connect. The umask has no effect.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the other options.
    pub fn options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }
}

#[async_trait]
impl Service for UnixServer {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let sockets = Sockets::lent_by(cx.resources());
        let options = ListenOptions {
            backlog: self.options.backlog,
            mode: self.mode,
            before_listen: set_connection_options,
        };
        self.listener = sockets.open(cx.path(), &Endpoint::Unix(self.path.clone()), &options)?;
        if let Some(listener) = &self.listener {
            let path = listener.endpoint();
            info!(%path, "listening on {path}");
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let protocol = (self.make_protocol)(cx)?;
        let Some(listener) = self.listener.take() else {
            return Err("it has no socket: its privileged start has not been called".into());
        };
        self.serving = Some(Serving::start(cx, vec![listener], &self.options, protocol)?);
        Ok(())
    }

    fn close(&mut self) {
        self.listener = None;
        if let Some(serving) = &self.serving {
            serving.close();
        }
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some(serving) = &mut self.serving {
            serving.stop(deadline).await;
        }
        self.serving = None;
        Ok(())
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn kind(&self) -> &str {
        "unix"
    }

    fn check(&self, files: &Files) -> Result<String, BoxError> {
        let path = check_unix_path(&self.path, files)?;
        Ok(format!("would listen on {}", path.display()))
    }
}
