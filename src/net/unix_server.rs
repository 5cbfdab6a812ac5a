//! A service that listens on a Unix socket; see unix(7).

use super::Protocol;
use super::serving::{MakeProtocol, ServerOptions, Serving};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service};
use async_trait::async_trait;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::Instant;
use tracing::{info, warn};

/// A service that listens on a Unix socket and speaks one protocol, as a
/// [`TcpServer`](super::TcpServer) does on a port. But Unix sockets have no reset: an answer that is cut
/// just ends.
///
/// A socket file that nobody listens on is replaced; one that somebody does is an error. The file is removed
/// when the service closes.
pub struct UnixServer {
    path: PathBuf,
    mode: u32,
    options: ServerOptions,
    make_protocol: Box<MakeProtocol>,
    listener: Option<(Socket, SocketFile)>,
    running: Option<(Serving, SocketFile)>,
}

/// A socket's name in the file system.
struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl UnixServer {
    /// Who may connect unless somebody says otherwise: everybody, as with Twisted's UNIXServer.
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
            running: None,
        }
    }

    /// Sets the permissions of the socket: who may write to it may connect. The umask does not matter.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets everything else.
    pub fn options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    fn listen(&self) -> io::Result<(Socket, SocketFile)> {
        let path = std::path::absolute(&self.path)?;
        make_way(&path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        socket.bind(&SockAddr::unix(&path)?)?;
        let file = SocketFile::of(path)?;
        // Before anybody can connect.
        fs::set_permissions(&file.path, Permissions::from_mode(self.mode))?;
        socket.listen(i32::try_from(self.options.backlog).unwrap_or(i32::MAX))?;
        Ok((socket, file))
    }
}

/// Removes a socket file that a server left behind which was killed.
fn make_way(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if !kind.is_socket() {
        return Err(io::Error::other("there is a file of that name which is not a socket"));
    }
    let client = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match client.connect(&SockAddr::unix(path)?) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Also when its queue is full, or it is not for this user.
        _ => Err(io::Error::other("another process listens on it")),
    }
}

impl SocketFile {
    fn of(path: PathBuf) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(&path)?;
        Ok(Self { path, device_and_inode: (metadata.dev(), metadata.ino()) })
    }
}

/// The name goes with the socket, unless somebody else has taken it.
impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.device_and_inode);
        if ours && let Err(e) = fs::remove_file(&self.path) {
            warn!("can't remove the socket {}: {e}; the next start will", self.path.display());
        }
    }
}

#[async_trait]
impl Service for UnixServer {
    fn privileged_start(&mut self, _cx: &PrivilegedContext) -> Result<(), BoxError> {
        let path = self.path.display();
        let listener =
            self.listen().map_err(|e| format!("can't listen on the socket {path}: {e}"))?;
        info!(%path, "listening on {path}");
        self.listener = Some(listener);
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let protocol = (self.make_protocol)(cx)?;
        let Some((socket, file)) = self.listener.take() else {
            return Err("it has no socket: its privileged start has not been called".into());
        };
        self.running = Some((Serving::start(cx, vec![socket], &self.options, protocol)?, file));
        Ok(())
    }

    fn close(&mut self) {
        self.listener = None;
        if let Some((serving, _)) = &self.running {
            let path = self.path.display();
            info!(%path, "closing {path}");
            serving.close();
        }
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some((serving, file)) = self.running.take() {
            serving.stop(deadline).await;
            drop(file);
        }
        Ok(())
    }

    fn check(&self, files: &Files) -> Result<String, BoxError> {
        Ok(format!("would listen on {}", files.find(&self.path).display()))
    }
}
