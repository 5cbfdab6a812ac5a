//! A service in one function.

use super::error::panicked;
use super::{BoxError, Context, Handle, Service};
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

pub(super) type Function =
    dyn Fn(Context) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// A service that is one async function, from its start to its end.
///
/// The function is called at each start. [`Context::closing`] tells it to accept nothing new; then it finishes
/// what is in progress and returns. So what has to be done at the very end, such as saving a file, is done in the
/// function's last lines. If others [have found](Context::find) the service, it has to close only when they have
/// stopped.
///
/// If the function returns `Ok` before it was told to close, the service [has finished](Context::finish); if it
/// returns an error or panics, the service has [failed](Context::fail). If it has not returned at the deadline of
/// the stop, it is dropped at its next `.await`, which is reported.
///
/// ```
/// use poetryd::service::{Application, ServiceFn};
/// use std::time::Duration;
/// use tokio::time::sleep;
///
/// let mut application = Application::new("clock");
/// application.add(
///     "clock",
///     ServiceFn::new(|cx| async move {
///         let ticks = cx.counter("ticks", "Seconds that have passed.");
///         loop {
///             tokio::select! {
///                 () = cx.closing() => break,
///                 () = sleep(Duration::from_secs(1)) => ticks.add(1),
///             }
///         }
///         println!("{} seconds have passed", ticks.get());
///         Ok(())
///     }),
/// )?;
/// # Ok::<(), poetryd::service::AddError>(())
/// ```
pub struct ServiceFn {
    function: Box<Function>,
    waits_for_ready: bool,
    handle: Option<Handle>,
    task: Option<AbortOnDropHandle<Result<(), BoxError>>>,
}

impl ServiceFn {
    /// A service that has started as soon as the function has been called.
    pub fn new<F, T>(function: F) -> Self
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let function = move |cx| function(cx).boxed();
        Self { function: Box::new(function), waits_for_ready: false, handle: None, task: None }
    }

    /// A service that has started when the function calls [`Context::ready`]. If the function returns before
    /// that, the start has failed.
    pub fn ready_when_said<F, T>(function: F) -> Self
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { waits_for_ready: true, ..Self::new(function) }
    }

    /// A service that keeps something for others: they [find](Context::find) a clone of `value`, and the function gets
    /// one at each start. The service has started when the function says so with [`Context::ready`]: when it has
    /// loaded what there is to load. It is told to close when those who have found it have stopped: then it saves.
    ///
    /// ```
    /// use poetryd::service::{Application, BoxError, Context, ServiceFn};
    /// use std::sync::{Arc, Mutex};
    ///
    /// type Names = Arc<Mutex<Vec<String>>>;
    ///
    /// async fn keep(names: Names, cx: Context) -> Result<(), BoxError> {
    ///     cx.ready();
    ///     cx.closing().await;
    ///     std::fs::write("names", names.lock().map_err(|_| "a panic")?.join("\n"))?;
    ///     Ok(())
    /// }
    ///
    /// let mut application = Application::new("names");
    /// application.add("store", ServiceFn::sharing(Names::default(), keep))?;
    /// # Ok::<(), poetryd::service::AddError>(())
    /// ```
    pub fn sharing<V, F, T>(value: V, function: F) -> Self
    where
        V: Clone + Send + Sync + 'static,
        F: Fn(V, Context) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let shown = value.clone();
        Self::ready_when_said(move |cx| function(value.clone(), cx)).handle(shown)
    }

    /// Sets the handle that other services get when they look this one up; see [`Service::handle`].
    pub fn handle<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.handle = Some(Handle::new(value));
        self
    }
}

#[async_trait]
impl Service for ServiceFn {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if !self.waits_for_ready {
            cx.ready();
        }
        let work = (self.function)(cx.clone());
        let task = tokio::spawn(until_the_end(cx.clone(), work).instrument(cx.span().clone()));
        let mut task = AbortOnDropHandle::new(task);
        if self.waits_for_ready {
            tokio::select! {
                biased;
                () = cx.said_ready() => {}
                ended = &mut task => {
                    ended??;
                    return Err("it ended before it was ready".into());
                }
            }
        }
        self.task = Some(task);
        Ok(())
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let ended = timeout_at(deadline, task).await;
        self.task = None; // aborts it
        match ended {
            Ok(ended) => ended?,
            Err(_) => Err("its function had not returned at the deadline".into()),
        }
    }

    fn handle(&self) -> Option<Handle> {
        self.handle.clone()
    }
}

/// Runs the function. If it returns before it was ready, that is reported to the caller of `start`; if it returns
/// after it was told to close, to the caller of `stop`.
async fn until_the_end(
    cx: Context,
    work: BoxFuture<'static, Result<(), BoxError>>,
) -> Result<(), BoxError> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    let ended = ended.unwrap_or_else(|panic| Err(panicked(panic)));
    if cx.is_closing() || !cx.has_said_ready() {
        return ended;
    }
    match ended {
        Ok(()) => cx.finish(),
        Err(error) => cx.fail(error),
    }
    Ok(())
}
