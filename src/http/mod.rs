//! Serves HTTP/1.1 to a limited number of clients, on a thread of its own: what the control socket and the status
//! service have in common.
//!
//! - `server.rs`: accepts clients, and answers one request of each; `crowd.rs`: how many there are, and for how long.
//! - `thread.rs`: the thread, which answers whatever the workers do, and sleeps while nobody asks.

mod crowd;
mod server;
mod thread;

pub(crate) use crowd::{Crowd, Limits};
pub(crate) use server::{Clients, accept};
pub(crate) use thread::Thread;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An answer with this document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    match serde_json::to_string(document) {
        Ok(text) => {
            let headers = [(header::CONTENT_TYPE, "application/json")];
            (status, headers, text + "\n").into_response()
        }
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests;
