//! What is answered. Everything is for looking only.

use super::host::{Asked, Hosts};
use super::metrics::{Format, Metrics};
use super::nonce::{nonce, policy};
use super::page;
use crate::document::{self, Status, why_not_ready};
use crate::http::json;
use crate::service::{Process, Tree};
use crate::sync::Mutex;
use crate::value::quoted;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the worker that makes changes may take to respond, before the process counts as stuck.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take when it counts as stuck already.
const SHORT_RESPONSE_TIMEOUT: Duration = Duration::from_millis(200);

/// How much of the metrics is sent at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// What is shown.
pub(super) struct Shown {
    pub(super) tree: Tree,
    pub(super) process: Process,
    pub(super) hosts: Hosts,
}

/// A client: whether it is on this machine.
#[derive(Clone, Copy)]
pub(super) struct Visitor {
    pub(super) is_local: bool,
}

struct Site {
    shown: Shown,
    metrics: Metrics,
    /// Since when the first worker has been asked whether it responds, without an answer. So those who ask later do not wait
    /// as long as the first one.
    unanswered_since: Mutex<Option<Instant>>,
}

type Shared = State<Arc<Site>>;

/// All requests.
pub(super) fn router(shown: Shown) -> Router {
    let metrics = Metrics::new(shown.tree.clone(), shown.process.clone());
    let site = Arc::new(Site { shown, metrics, unanswered_since: Mutex::default() });
    Router::new()
        .route("/", get(page))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/status.json", get(status))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(site.clone(), for_known_names))
        .with_state(site)
}

/// The answer if too many requests are in progress.
pub(super) fn too_many() -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests are in progress; try again later")
}

/// Refuses whoever asks by a name that is not known.
async fn for_known_names(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut answer = match site.shown.hosts.check(&parts, visitor.is_local) {
        Ok(asked) => {
            parts.extensions.insert(asked);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(name) => plain(
            StatusCode::MISDIRECTED_REQUEST,
            &format!(
                "the host {} is not known here: add it to the list \"hosts\" of the status service, or ask by address",
                quoted(&name)
            ),
        ),
    };
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

async fn nothing() -> Response {
    plain(
        StatusCode::NOT_FOUND,
        "there is no such page; there are /, /metrics, /healthz, /readyz and /status.json",
    )
}

async fn other_method() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED, "everything here is for looking only: use GET")
}

async fn page(State(site): Shared, Extension(asked): Extension<Asked>) -> Response {
    match nonce() {
        Ok(nonce) => {
            let policy = [(header::CONTENT_SECURITY_POLICY, policy(&nonce))];
            (policy, Html(page::page(&site.status(asked), &nonce))).into_response()
        }
        Err(e) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("the system has no random numbers: {e}"),
        ),
    }
}

async fn status(State(site): Shared, Extension(asked): Extension<Asked>) -> Response {
    json(StatusCode::OK, &site.status(asked))
}

async fn health(State(site): Shared) -> Response {
    let since = *site.unanswered_since.lock().get_or_insert_with(Instant::now);
    let until = (since + RESPONSE_TIMEOUT).max(Instant::now() + SHORT_RESPONSE_TIMEOUT);
    // If the application is not running, nothing is wrong with its worker.
    match timeout_at(until, site.shown.tree.responds()).await {
        Ok(_) => {
            *site.unanswered_since.lock() = None;
            plain(StatusCode::OK, "ok")
        }
        Err(_) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!(
                "the first worker has not responded for {} s: a service blocks it",
                since.elapsed().as_secs()
            ),
        ),
    }
}

async fn readiness(State(site): Shared) -> Response {
    match why_not_ready(site.shown.process.report().phase, &site.shown.tree.entries()) {
        None => plain(StatusCode::OK, "ready"),
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

async fn metrics_text(State(site): Shared, headers: HeaderMap) -> Response {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let format = Format::preferred(&accept.collect::<Vec<_>>().join(","));
    let pieces = site.metrics.scrape(format);
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (headers, Body::from_stream(stream::iter(together(pieces).map(Ok::<_, Infallible>))))
        .into_response()
}

/// Small pieces together, so that few are sent. Large ones are not copied.
fn together(pieces: Vec<Bytes>) -> impl Iterator<Item = Bytes> {
    let mut pieces = pieces.into_iter().peekable();
    std::iter::from_fn(move || {
        if let Some(large) = pieces.next_if(|piece| piece.len() >= PIECE / 2) {
            return Some(large);
        }
        let mut together = Vec::new();
        while let Some(small) = pieces.next_if(|piece| together.len() + piece.len() < PIECE) {
            together.extend_from_slice(&small);
        }
        Some(together).filter(|together| !together.is_empty()).map(Bytes::from)
    })
}

impl Site {
    /// What this client may see of the status: no lines of the log, if it is on another machine.
    fn status(&self, asked: Asked) -> Status {
        let mut status = document::status(&self.shown.tree, &*self.shown.process);
        status.warnings = status.warnings.filter(|_| asked == Asked::Here);
        status
    }
}

/// An answer in one line.
fn plain(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n"))
        .into_response()
}
