//! What is done for which request.

use super::document::{Changed, LogLevel, Rotated, Stopping};
use crate::chain::chain;
use crate::document::{self, Refused, SCHEMA};
use crate::http::json;
use crate::service::{IfFound, Phase, Process, ReloadMode, ServicePath, Tree, TreeError};
use crate::sync::Mutex;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};
use tracing::{Level, info};

/// How long the worker that makes changes may take to respond. While it is asked to do something that takes long, it
/// is checked as often.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is controlled.
pub(crate) struct Control {
    pub(crate) tree: Tree,
    pub(crate) process: Process,
}

/// The process that asks.
#[derive(Clone, Copy)]
struct Peer(Option<(i32, u32)>);

impl Peer {
    fn of(stream: &UnixStream) -> Self {
        let credentials = stream.peer_cred().ok();
        Self(credentials.map(|peer| (peer.pid().unwrap_or_default(), peer.uid())))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((pid, uid)) => write!(f, "the process {pid} of the user with id {uid}"),
            None => f.write_str("an unknown process"),
        }
    }
}

/// What is done when a request has been answered, and its connection has ended: when this is dropped.
#[derive(Default)]
struct Afterwards(Mutex<Option<Work>>);

type Work = Box<dyn FnOnce() + Send>;

impl Drop for Afterwards {
    fn drop(&mut self) {
        let work = self.0.lock().take();
        work.into_iter().for_each(|work| work());
    }
}

/// A client of the control socket.
#[derive(Clone)]
pub(super) struct Asker {
    peer: Peer,
    afterwards: Arc<Afterwards>,
}

impl Asker {
    pub(super) fn of(stream: &UnixStream) -> Self {
        Self { peer: Peer::of(stream), afterwards: Arc::default() }
    }
}

type Shared = State<Arc<Control>>;

/// Why a request had no effect.
struct Refusal(StatusCode, Refused);

impl Refusal {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        // Those who ask for something that does not exist have made a mistake.
        let is_mistake = status.is_client_error() && status != StatusCode::CONFLICT;
        Self(status, Refused { schema: SCHEMA, error: error.into(), is_mistake })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json(self.0, &self.1)
    }
}

type Answer = Result<Response, Refusal>;

/// All requests.
pub(super) fn router(control: Control) -> Router {
    Router::new()
        .route("/status", get(report))
        .route("/reload", post(reload))
        .route("/stop", post(stop))
        .route("/services/{path}/{change}", post(change))
        .route("/log-level/{level}", post(log_level))
        .route("/rotate", post(rotate))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .with_state(Arc::new(control))
}

/// The answer if too many requests are in progress.
pub(super) fn too_many() -> Response {
    let error = "too many requests are in progress; try again later";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).into_response()
}

async fn nothing() -> Refusal {
    let error =
        "there is no such resource; those that exist are in the guide, on the page about control";
    Refusal::new(StatusCode::NOT_FOUND, error)
}

async fn other_method() -> Refusal {
    let error = "/status is asked for with GET, everything else with POST";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error)
}

async fn report(State(control): Shared) -> Response {
    json(StatusCode::OK, &document::status(&control.tree, &*control.process))
}

async fn reload(State(control): Shared, RawQuery(query): RawQuery) -> Answer {
    let mode = match flag(query.as_deref(), "dry-run")? {
        true => ReloadMode::DryRun,
        false => ReloadMode::Change,
    };
    match while_it_responds(&control.tree, control.process.reload(mode)).await? {
        Ok(reloaded) => Ok(json(StatusCode::OK, &document::reloaded(reloaded, mode))),
        Err(refusal) => {
            let code = match refusal.is_mistake {
                true => StatusCode::UNPROCESSABLE_ENTITY,
                false => StatusCode::CONFLICT,
            };
            Err(Refusal(code, document::refused(refusal)))
        }
    }
}

async fn stop(
    State(control): Shared,
    Extension(asker): Extension<Asker>,
    RawQuery(query): RawQuery,
) -> Answer {
    let now = flag(query.as_deref(), "now")?;
    info!(
        "{} has asked for a stop{}",
        asker.peer,
        if now { ", without waiting for connections" } else { "" }
    );
    let pid = control.process.report().pid;
    // The process may end at once, and the answer with it.
    let stop = move || control.process.stop(now.then_some(Duration::ZERO));
    *asker.afterwards.0.lock() = Some(Box::new(stop));
    Ok(json(StatusCode::ACCEPTED, &Stopping { schema: SCHEMA, pid }))
}

async fn change(
    State(control): Shared,
    Extension(Asker { peer, .. }): Extension<Asker>,
    Path((path, change)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let path: ServicePath =
        path.parse().map_err(|e| Refusal::new(StatusCode::BAD_REQUEST, chain(&e)))?;
    let if_found = match change == "stop" && flag(query.as_deref(), "force")? {
        true => IfFound::StopAnyway,
        false => IfFound::Refuse,
    };
    let tree = &control.tree;
    let changed = match &*change {
        "stop" | "start" | "restart" if !is_running(&control) => Err(TreeError::NotRunning),
        "stop" => {
            info!("{peer} stops the service {path}");
            while_it_responds(tree, tree.stop(&path, if_found)).await?
        }
        "start" => {
            info!("{peer} starts the service {path}");
            while_it_responds(tree, tree.start(&path)).await?
        }
        "restart" => {
            info!("{peer} restarts the service {path}");
            while_it_responds(tree, tree.restart(&path)).await?
        }
        _ => return Err(nothing().await),
    };
    changed.map_err(|e| refusal(&e))?;
    let service = tree.report(&path).map(document::service_status);
    Ok(json(StatusCode::OK, &Changed { schema: SCHEMA, service }))
}

fn is_running(control: &Control) -> bool {
    matches!(control.process.report().phase, Phase::Running | Phase::Reloading)
}

fn refusal(error: &TreeError) -> Refusal {
    let code = match error {
        TreeError::Unknown(_) => StatusCode::NOT_FOUND,
        TreeError::InUse { .. }
        | TreeError::NotRunning
        | TreeError::Reloading
        | TreeError::GroupNotRunning(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal::new(code, chain(error))
}

async fn log_level(
    State(control): Shared,
    Extension(Asker { peer, .. }): Extension<Asker>,
    Path(word): Path<String>,
) -> Answer {
    let known = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    let level = known.into_iter().find(|level| level.as_str().to_ascii_lowercase() == word);
    let Some(level) = level else {
        let error = "a level is one of error, warn, info, debug, trace";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, error));
    };
    info!("{peer} sets the level of the log to {word}");
    let set = control.process.set_log_level(level);
    set.map_err(|e| Refusal::new(StatusCode::CONFLICT, chain(&*e)))?;
    Ok(json(StatusCode::OK, &LogLevel { schema: SCHEMA, level: word }))
}

async fn rotate(State(control): Shared) -> Answer {
    let rotated = control.process.rotate();
    rotated.map_err(|e| Refusal::new(StatusCode::CONFLICT, chain(&*e)))?;
    Ok(json(StatusCode::OK, &Rotated { schema: SCHEMA }))
}

/// Whether the query is this word: `?force`. No other query is accepted, so that nothing is done that was meant
/// differently.
fn flag(query: Option<&str>, word: &str) -> Result<bool, Refusal> {
    match query {
        None | Some("") => Ok(false),
        Some(query) if query == word => Ok(true),
        Some(_) => {
            let error = format!("the only query that is possible here is ?{word}");
            Err(Refusal::new(StatusCode::BAD_REQUEST, error))
        }
    }
}

/// Waits for something that the first worker does, however long it takes, as long as that worker responds. If the
/// application is not running, it needn't.
async fn while_it_responds<T>(
    tree: &Tree,
    operation: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let stuck = async {
        while timeout(RESPONSE_TIMEOUT, tree.responds()).await.is_ok() {
            sleep(RESPONSE_TIMEOUT).await;
        }
    };
    tokio::select! {
        done = operation => Ok(done),
        () = stuck => {
            let error = format!(
                "the first worker, which makes changes, has not responded for {} s: a service blocks it; what was asked for is done when it responds again",
                RESPONSE_TIMEOUT.as_secs()
            );
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error))
        }
    }
}
