//! Accepts clients, and answers one request of each.

use super::crowd::{Crowd, Visit};
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
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;
use tokio::time::sleep;
use tracing::warn;

/// How large the head of a request may be, in bytes. hyper does not allow less than 8 KiB.
const MAX_HEAD: usize = 8192;

/// How many headers a request may have.
const MAX_HEADERS: usize = 32;

/// How long to wait after a client could not be accepted, since the system lacks something.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Where clients come from.
pub(crate) trait Clients {
    /// The connection to a client.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// What is known about a client. Handlers get it as an extension of the request. The last clone is dropped when the
    /// connection has ended.
    type Client: Clone + Send + Sync + 'static;

    /// Waits for a client.
    async fn next(&self) -> io::Result<(Self::Stream, Self::Client)>;
}

/// Accepts clients for ever. `what` says where, for the log; `refuse` makes the answer if there are too many requests.
pub(crate) async fn accept(
    what: &str,
    clients: impl Clients,
    router: Router,
    crowd: Arc<Crowd>,
    refuse: fn() -> Response,
) {
    let mut warned = false;
    loop {
        match clients.next().await {
            Ok((stream, client)) => {
                let visit = crowd.visit();
                let number = visit.number();
                let task = tokio::spawn(converse(stream, client, router.clone(), visit, refuse));
                crowd.entered(number, task.abort_handle());
                // Its request may be there already: then it is not silent when the next one arrives.
                yield_now().await;
            }
            Err(e) => {
                if !warned {
                    warn!("{what} can't accept a client: {e}; trying again every second");
                }
                warned = true;
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Answers one request, and closes the connection. Whoever is too slow is cut.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    client: impl Clone + Send + Sync + 'static,
    router: Router,
    visit: Visit,
    refuse: fn() -> Response,
) {
    let expired = visit.expired();
    let of_requests = client.clone(); // the client itself is dropped after the connection
    let visit = Arc::new(visit);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(of_requests.clone());
        let (router, visit) = (router.clone(), visit.clone());
        async move {
            let answer = match visit.begin() {
                true => answer(router, request.map(Body::new)).await,
                false => refuse(),
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
    drop(client);
}

async fn answer(router: Router, request: Request<Body>) -> Response {
    match TowerToHyperService::new(router).call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
