//! A service that leaves its clients to a function.

use super::Listen;
use super::listen::{ListenedOn, log_open};
use crate::service::{BoxError, Context, Files, PrivilegedContext, Service, ServiceFn};
use crate::sockets::LentSocket;
use crate::sync::Mutex;
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::time::Instant;

type Serve = dyn Fn(Context, TcpListener) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// A service that opens its sockets itself, and leaves the clients to a function. Made by [`Listen::serve`].
pub struct ListenFn {
    listen: Listen,
    serve: Arc<Serve>,
    sockets: Vec<LentSocket>,
    running: Option<ServiceFn>,
}

impl Listen {
    /// A service that calls `serve` with a Tokio listener for every address, when the whole application has started.
    /// For a library that accepts clients itself, such as axum:
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use poetryd::net::{Interface, Listen};
    /// use poetryd::service::Application;
    ///
    /// let mut application = Application::new("web");
    /// let listen = Listen::new(Interface::resolve("127.0.0.1")?, 8080);
    /// let web = listen.serve(|cx, listener| async move {
    ///     let router = Router::new().route("/", get(async || "hello\n"));
    ///     let stop = async move { cx.closing().await };
    ///     Ok(axum::serve(listener, router).with_graceful_shutdown(stop).await?)
    /// });
    /// application.add("web", web)?;
    /// # Ok::<(), poetryd::service::BoxError>(())
    /// ```
    ///
    /// The function learns from [`Context::closing`] that it is to take nothing new. Then it finishes what is in
    /// progress and returns, or is dropped at the deadline. If it returns an error, the service has failed. What
    /// [`open`](Self::open) says of connections that a library has accepted holds here, too. A library that drops its
    /// listener when it is told to stop, as axum does, resets the clients that are still waiting in the backlog; a
    /// [`TcpServer`](super::TcpServer) serves them.
    pub fn serve<F, T>(self, serve: F) -> ListenFn
    where
        F: Fn(Context, TcpListener) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let serve = Arc::new(move |cx, listener| serve(cx, listener).boxed());
        ListenFn { listen: self, serve, sockets: Vec::new(), running: None }
    }
}

#[async_trait]
impl Service for ListenFn {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        self.sockets = self.listen.open(cx)?;
        log_open(&self.sockets);
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if self.sockets.is_empty() {
            return Err("it has no socket: its privileged start has not been called".into());
        }
        let listeners = self.sockets.iter().map(LentSocket::tcp_listener);
        let listeners = Mutex::new(listeners.collect::<io::Result<Vec<_>>>()?);
        let serve = self.serve.clone();
        // This function is called once: there is another at the next start.
        let running = ServiceFn::new(move |cx| {
            serve_all(cx, std::mem::take(&mut *listeners.lock()), serve.clone())
        });
        self.running.insert(running).start(cx).await
    }

    fn close(&mut self) {
        ListenedOn::of(&self.sockets).log_close();
        self.sockets.clear();
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let stopped = running.stop(deadline).await;
        self.running = None;
        stopped
    }

    fn check(&self, _: &Files) -> Result<String, BoxError> {
        Ok(format!("would listen on {}", self.listen.interface.described(self.listen.port)))
    }
}

/// Serves on all of these, side by side, from the time when the whole application has started.
async fn serve_all(
    cx: Context,
    listeners: Vec<std::net::TcpListener>,
    serve: Arc<Serve>,
) -> Result<(), BoxError> {
    tokio::select! {
        biased;
        () = cx.closing() => return Ok(()),
        () = cx.all_started() => {}
    }
    let serve_one = |listener| Ok(serve(cx.clone(), TcpListener::from_std(listener)?));
    let serving: io::Result<Vec<_>> = listeners.into_iter().map(serve_one).collect();
    try_join_all(serving?).await.map(drop)
}
