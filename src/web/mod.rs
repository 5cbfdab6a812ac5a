//! `kind = "status"`: what can be seen of a daemon by HTTP, as metrics, health, a JSON document, and a page.
//!
//! It is for looking only: nothing here changes anything. It is served on a thread of its own, so that it answers
//! whatever the workers do, and stops after all other services.
//!
//! - `settings.rs`: the kind of service; `server.rs`: the service, and its thread.
//! - `routes.rs`: what is answered; `host.rs`: to whom.
//! - `metrics/`: the numbers for Prometheus; `page.rs`: the page, with its files; `nonce.rs`: what it may do.

mod host;
mod metrics;
mod nonce;
mod page;
mod routes;
mod server;
mod settings;

pub use settings::StatusSettings;

use crate::config::Registry;

/// Adds the kind `status` to a registry. (The one of a [`Program`](crate::Program) has it, unless it is given another.)
pub fn register(registry: &mut Registry) {
    registry.kind::<StatusSettings>("status");
}

#[cfg(test)]
mod tests;
