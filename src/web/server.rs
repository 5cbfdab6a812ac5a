//! The status service, and the thread that serves it.

use super::host::Hosts;
use super::routes::{self, Shown, Visitor};
use crate::http::{self, Clients, Crowd, Limits, Thread};
use crate::net::{Listen, ListenedOn, log_open};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Process, Service};
use crate::sockets::{
    Endpoint, LentSocket, ListenOptions, ReservedDescriptors, Sockets, check_unix_path,
};
use async_trait::async_trait;
use axum::Router;
use futures::future::join_all;
use socket2::SockRef;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

const LIMITS: Limits = Limits {
    silent: 32,
    in_progress: 16,
    request_timeout: Duration::from_secs(10),
    answer_timeout: Duration::from_secs(30),
};

/// How much unsent data the kernel keeps for each connection, in bytes.
const UNSENT: u32 = 64 * 1024;

/// Where it listens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Tcp(Listen),
    /// The file of a Unix socket, and its permissions.
    Unix(PathBuf, u32),
}

/// The status service.
pub(super) struct StatusService {
    place: Place,
    /// Names that it has besides those of this machine.
    hosts: Vec<String>,
    sockets: Vec<LentSocket>,
    descriptors: Option<ReservedDescriptors>,
    serving: Option<Serving>,
}

/// The thread while it serves. It ends when this is dropped.
struct Serving {
    /// Cancelled when no client is to be accepted any more.
    closing: CancellationToken,
    /// Whether the thread has ended: then the sender is gone.
    ended: watch::Receiver<()>,
    _end: DropGuard,
}

impl StatusService {
    pub(super) fn new(place: Place, hosts: Vec<String>) -> Self {
        Self { place, hosts, sockets: Vec::new(), descriptors: None, serving: None }
    }
}

#[async_trait]
impl Service for StatusService {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let sockets = Sockets::lent_by(cx.resources());
        self.sockets = match &self.place {
            Place::Tcp(listen) => listen.open(cx)?,
            Place::Unix(path, mode) => {
                let options = ListenOptions { mode: *mode, ..ListenOptions::default() };
                let socket = sockets.open(cx.path(), &Endpoint::Unix(path.clone()), &options)?;
                socket.into_iter().collect()
            }
        };
        log_open(&self.sockets);
        self.descriptors = Some(sockets.descriptors().reserve(LIMITS.descriptors()));
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let Some(process) = cx.resource::<Process>() else {
            return Err("there is no daemon around this tree whose status it could show".into());
        };
        let (process, hosts) = (Process::clone(&process), Hosts::new(&self.hosts));
        let router = routes::router(Shown { tree: cx.tree().clone(), process, hosts });
        self.serving = Some(Serving::start(&self.sockets, router)?);
        cx.status(ListenedOn::of(&self.sockets).to_string());
        Ok(())
    }

    fn close(&mut self) {
        if let Some(serving) = &self.serving {
            serving.closing.cancel();
        }
        ListenedOn::of(&self.sockets).log_close();
        self.sockets.clear();
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        if let Some(serving) = &mut self.serving {
            // The thread sends nothing: an error means that it has ended.
            let _ = timeout_at(deadline, serving.ended.changed()).await;
        }
        (self.serving, self.descriptors) = (None, None);
        Ok(())
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn stops_last(&self) -> bool {
        true
    }

    fn kind(&self) -> &str {
        "status"
    }

    fn check(&self, files: &Files) -> Result<String, BoxError> {
        Ok(match &self.place {
            Place::Tcp(listen) => format!("would listen on {}", listen.described()),
            Place::Unix(path, _) => {
                format!("would listen on {}", check_unix_path(path, files)?.display())
            }
        })
    }
}

impl Serving {
    fn start(sockets: &[LentSocket], router: Router) -> io::Result<Self> {
        let thread = Thread::new("status")?;
        let (closing, end) = (CancellationToken::new(), CancellationToken::new());
        let (sender, ended) = watch::channel(());
        let crowd = Crowd::new(LIMITS);
        let listeners =
            thread.enter(|| sockets.iter().map(Listener::of).collect::<io::Result<Vec<_>>>())?;
        let accepting = listeners.into_iter().map(|listener| {
            http::accept(
                "the status service",
                listener,
                router.clone(),
                crowd.clone(),
                routes::too_many,
            )
        });
        let accepting = join_all(accepting.collect::<Vec<_>>());
        let (until_closing, until_end) = (closing.clone(), end.clone());
        thread.run(async move {
            let _sender = sender;
            let serve = async {
                tokio::select! {
                    _ = accepting => {}
                    () = until_closing.cancelled() => {}
                }
                crowd.ends().await;
            };
            tokio::select! {
                () = serve => {}
                () = until_end.cancelled() => {}
            }
        })?;
        Ok(Self { closing, ended, _end: end.drop_guard() })
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn of(socket: &LentSocket) -> io::Result<Self> {
        Ok(match socket.endpoint() {
            Endpoint::Unix(_) => Listener::Unix(UnixListener::from_std(socket.unix_listener()?)?),
            _ => Listener::Tcp(socket.tokio_listener()?),
        })
    }
}

/// A connection to a client, of either kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Clients for Listener {
    type Stream = Box<dyn Stream>;
    type Client = Visitor;

    async fn next(&self) -> io::Result<(Box<dyn Stream>, Visitor)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Without it, answers that nobody reads would use more of the kernel's memory.
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
                let is_local = address.ip().to_canonical().is_loopback();
                Ok((Box::new(stream), Visitor { is_local }))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Visitor { is_local: true }))
            }
        }
    }
}
