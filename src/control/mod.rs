//! The control socket: HTTP/1.1 with JSON, on a Unix socket, for those who operate the daemon; and the client's side
//! of it. The guide's page on it describes the requests and every field of the answers.
//!
//! - `document.rs`: the answers to commands, as both sides know them.
//! - `routes.rs`: what is done for which request; `server.rs`: the thread that serves.
//! - `client.rs`: connects and asks; `answer.rs`: reads an answer.
//!
//! The server has a thread and a runtime of its own, so that it answers whatever the workers do. It is
//! idle, without any wake-ups, while nobody asks.

mod answer;
mod client;
mod document;
mod routes;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use client::{AskError, Client, ConnectError, Request};
pub(crate) use document::{LogLevel, NoAnswer, Stopping};
pub(crate) use routes::Control;
pub(crate) use server::{MAX_DESCRIPTORS, serve};
