//! The thread that serves the control socket.

use super::crowd::{Crowd, MAX_IN_PROGRESS, MAX_SILENT, Visit};
use super::routes::{self, Afterwards, Control};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::runtime;
use tokio::task::yield_now;
use tokio::time::sleep;
use tracing::warn;

/// The most descriptors that the control socket uses at the same time: for its connections, and for one that has just
/// been accepted.
pub(crate) const MAX_DESCRIPTORS: usize = MAX_SILENT + MAX_IN_PROGRESS + 1;

/// How large the head of a request may be, in bytes. hyper does not allow less than 8 KiB.
const MAX_HEAD: usize = 8192;

/// How many headers a request may have.
const MAX_HEADERS: usize = 32;

/// How long to wait after a connection could not be accepted, since the system lacks something.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Serves this socket, on a thread of its own, until the process ends.
///
/// # Errors
/// If the system has no thread or descriptor left.
pub(crate) fn serve(listener: UnixListener, control: Control) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::UnixListener::from_std(listener)?
    };
    let accept = move || runtime.block_on(accept(listener, routes::router(control)));
    // Nothing joins the thread: it ends with the process.
    thread::Builder::new().name("control".into()).spawn(accept)?;
    Ok(())
}

/// Accepts clients for ever.
async fn accept(listener: tokio::net::UnixListener, router: Router) {
    let crowd = Arc::new(Crowd::default());
    let (mut number, mut warned) = (0, false);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                number += 1;
                let (visit, router) = (crowd.visit(number), router.clone());
                let crowd_of_task = crowd.clone();
                let task = tokio::spawn(async move {
                    converse(stream, router, visit).await;
                    crowd_of_task.left(number);
                });
                crowd.entered(number, task.abort_handle());
                // Its request may be there already: then it is not silent when the next one arrives.
                yield_now().await;
            }
            Err(e) => {
                if !warned {
                    warn!(
                        "the control socket can't accept a client: {e}; trying again every second"
                    );
                }
                warned = true;
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Answers one request, and closes the connection. Whoever is too slow is cut.
async fn converse(stream: UnixStream, router: Router, visit: Visit) {
    let peer = routes::Peer::of(&stream);
    let expired = visit.expired();
    let visit = Arc::new(visit);
    let afterwards = Afterwards::default();
    let of_request = afterwards.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(of_request.clone());
        let (router, visit) = (router.clone(), visit.clone());
        async move {
            let answer = match visit.begin() {
                true => answer(router, request.map(Body::new)).await,
                false => routes::too_many(),
            };
            visit.answered();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut server = http1::Builder::new();
    server.keep_alive(false).header_read_timeout(None).max_buf_size(MAX_HEAD);
    server.max_headers(MAX_HEADERS);
    let connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection => {} // whatever a client does wrong is its own problem
        () = expired => {}
    }
    afterwards.run();
}

async fn answer(router: Router, request: Request<Body>) -> Response {
    match TowerToHyperService::new(router).call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
