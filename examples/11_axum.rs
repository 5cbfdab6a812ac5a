//! A web server by axum on port 80, which outlives the drop of privileges, and finishes its requests at a stop.
//!
//!     cargo build --example 11_axum
//!     sudo target/debug/examples/11_axum --nodaemon --uid nobody
//!     curl http://localhost/

use axum::{Router, routing::get};
use poetryd::Program;
use poetryd::net::{Interface, Listen};
use poetryd::service::{Application, BoxError};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::sleep;

fn router() -> Router {
    let slow = async || {
        sleep(Duration::from_secs(1)).await;
        "hello, at last\n"
    };
    Router::new().route("/", get(async || "hello\n")).route("/slow", get(slow))
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("web");
    let listen = Listen::new(Interface::resolve("localhost")?, 80);
    let web = listen.serve(|cx, listener| async move {
        let stop = async move { cx.closing().await };
        Ok(axum::serve(listener, router()).with_graceful_shutdown(stop).await?)
    });
    application.add("web", web)?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("webd", "1.0", "A web server").built_in(application).main()
}
