//! A service that holds services.

use super::error::panicked;
use super::{
    AddError, BoxError, Context, Files, PrivilegedContext, Service, ServiceError, ServicePath,
    Settings, Step, StopErrors,
};
use crate::chain::chain;
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::join_all;
use indexmap::IndexMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, debug, error, info};

/// How long the elder siblings of a service that failed to start have for stopping. Nobody has been
/// served yet, so there is nothing to finish.
const TIME_TO_UNDO: Duration = Duration::from_secs(5);

/// How long after its deadline a service is waited for: the time to abandon what is left.
const TIME_TO_ABANDON: Duration = Duration::from_secs(1);

/// A service that holds other services, by name.
///
/// Children start in the order in which they were added and stop in reverse. A child that fails to start
/// stops its elder siblings, and the failure names the child. Trees nest to any depth.
#[derive(Default)]
pub struct MultiService {
    children: IndexMap<String, Child>,
    /// Set while the children are started: new ones are started with it.
    running: Option<Context>,
}

struct Child {
    service: Box<dyn Service>,
    settings: Option<Box<dyn Settings>>,
    state: State,
    path: ServicePath,
    span: Span,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    /// After the privileged start.
    Prepared,
    /// Within `start`; stays so when the start is cut off.
    Starting,
    Running,
}

impl MultiService {
    /// No children, not running.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child to a service that is not running.
    ///
    /// # Errors
    /// If the name is taken or can't be one ([A-Za-z0-9_-]+), or the service is running
    /// ([`add_and_start`](Self::add_and_start) is for that).
    pub fn add(&mut self, name: impl Into<String>, service: impl Service) -> Result<(), AddError> {
        self.add_boxed(name.into(), Box::new(service), None)
    }

    /// Like [`add`](Self::add), and keeps the settings that the service was made from.
    pub fn add_with_settings(
        &mut self,
        name: impl Into<String>,
        service: Box<dyn Service>,
        settings: Box<dyn Settings>,
    ) -> Result<(), AddError> {
        self.add_boxed(name.into(), service, Some(settings))
    }

    /// Adds a child and, if this service is running, starts it.
    ///
    /// # Errors
    /// As for [`add`](Self::add); and if the child fails to start, which then is not added.
    pub async fn add_and_start(
        &mut self,
        name: impl Into<String>,
        service: impl Service,
    ) -> Result<(), AddError> {
        let name = name.into();
        let Some(cx) = self.running.clone() else {
            return self.add(name, service);
        };
        self.refuse(&name)?;
        let path = cx.path().child(&name);
        let child = Child::new(Box::new(service), None);
        cx.publish(path.clone(), child.service.handle());
        // It is a child from now on, so that it is stopped even if this future is dropped half-way.
        let child = self.children.entry(name.clone()).or_insert(child);
        let started = async {
            child.privileged_start(&cx.privileged().child(&name))?;
            child.start(&cx.child(&name)).await
        };
        if let Err(error) = started.await {
            self.children.shift_remove(&name);
            cx.withdraw(&path);
            return Err(error.into());
        }
        Ok(())
    }

    /// Takes a child out, stopping it first if it runs. `None`: there is no child of that name.
    ///
    /// # Errors
    /// Beside the service, what went wrong while it was stopped.
    pub async fn remove(
        &mut self,
        name: &str,
        deadline: Instant,
    ) -> Option<(Box<dyn Service>, Result<(), StopErrors>)> {
        let mut child = self.children.shift_remove(name)?;
        if let Some(cx) = &self.running {
            cx.withdraw(&cx.path().child(name));
        }
        child.close();
        let outcome = StopErrors::check(child.stop(deadline).await);
        Some((child.service, outcome))
    }

    /// The child called `name`.
    pub fn get(&self, name: &str) -> Option<&dyn Service> {
        self.children.get(name).map(|child| &*child.service)
    }

    /// Whether there is a child called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.children.contains_key(name)
    }

    /// The settings that the child called `name` was made from, if it was made from settings.
    pub fn settings(&self, name: &str) -> Option<&dyn Settings> {
        self.children.get(name)?.settings.as_deref()
    }

    /// The children and their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &dyn Service)> {
        self.children.iter().map(|(name, child)| (name.as_str(), &*child.service))
    }

    /// How many children there are.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there are no children.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Whether all children have been started successfully, and not closed or stopped since.
    pub fn running(&self) -> bool {
        self.running.is_some()
    }

    fn add_boxed(
        &mut self,
        name: String,
        service: Box<dyn Service>,
        settings: Option<Box<dyn Settings>>,
    ) -> Result<(), AddError> {
        self.refuse(&name)?;
        if self.running() {
            return Err(AddError::Running(name));
        }
        self.children.insert(name, Child::new(service, settings));
        Ok(())
    }

    /// Stops the children that have been started, when others can't be.
    pub(super) async fn undo_start(&mut self) {
        self.close();
        if let Err(errors) = self.stop(Instant::now() + TIME_TO_UNDO).await {
            error!("while undoing the start: {errors}");
        }
    }

    /// Refuses names that are taken or that would not fit into a path.
    fn refuse(&self, name: &str) -> Result<(), AddError> {
        if !ServicePath::is_name(name) {
            return Err(AddError::BadName(name.into()));
        }
        if self.contains(name) {
            return Err(AddError::Duplicate(name.into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Service for MultiService {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        for (name, child) in &mut self.children {
            child.privileged_start(&cx.child(name))?;
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        for (name, child) in &self.children {
            cx.publish(cx.path().child(name), child.service.handle());
        }
        let mut failed = None;
        for (name, child) in &mut self.children {
            if let Err(error) = child.start(&cx.child(name)).await {
                failed = Some(error);
                break;
            }
        }
        let Some(error) = failed else {
            self.running = Some(cx.clone());
            return Ok(());
        };
        self.undo_start().await;
        Err(error.into())
    }

    fn close(&mut self) {
        self.running = None;
        for child in self.children.values_mut().rev() {
            child.close();
        }
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        self.running = None;
        let stopping = self.children.values_mut().rev().map(|child| child.stop(deadline));
        let errors: Vec<ServiceError> = join_all(stopping).await.into_iter().flatten().collect();
        Ok(StopErrors::check(errors)?)
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        Ok(format!("would start its {} services", self.children.len()))
    }

    fn children(&self) -> Option<&MultiService> {
        Some(self)
    }
}

impl Child {
    fn new(service: Box<dyn Service>, settings: Option<Box<dyn Settings>>) -> Self {
        let (state, path, span) = (State::Idle, ServicePath::root(), Span::none());
        Self { service, settings, state, path, span }
    }

    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), ServiceError> {
        let start = AssertUnwindSafe(|| self.service.privileged_start(cx));
        let prepared = cx.span().in_scope(|| catch_unwind(start));
        prepared
            .unwrap_or_else(|panic| Err(panicked(panic)))
            .map_err(|cause| ServiceError::locate(cx.path(), Step::PrivilegedStart, cause))?;
        self.state = State::Prepared;
        self.path = cx.path().clone();
        self.span = cx.span().clone();
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), ServiceError> {
        self.path = cx.path().clone();
        self.span = cx.span().clone();
        self.state = State::Starting;
        let start = AssertUnwindSafe(self.service.start(cx)).catch_unwind();
        let started = start.instrument(cx.span().clone()).await;
        if let Err(cause) = started.unwrap_or_else(|panic| Err(panicked(panic))) {
            self.state = State::Idle;
            return Err(ServiceError::locate(cx.path(), Step::Start, cause));
        }
        self.state = State::Running;
        self.span.in_scope(|| debug!("started"));
        Ok(())
    }

    fn close(&mut self) {
        if self.state == State::Idle {
            return;
        }
        let close = AssertUnwindSafe(|| self.service.close());
        if let Err(panic) = self.span.in_scope(|| catch_unwind(close)) {
            let error = ServiceError::locate(&self.path, Step::Close, panicked(panic));
            self.span.in_scope(|| error!("{}", chain(&error)));
        }
    }

    /// Returns what went wrong, in this service or below.
    async fn stop(&mut self, deadline: Instant) -> Vec<ServiceError> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Prepared => return Vec::new(),
            State::Starting | State::Running => {}
        }
        let stop = AssertUnwindSafe(self.service.stop(deadline)).catch_unwind();
        let stop = timeout_at(deadline + TIME_TO_ABANDON, stop.instrument(self.span.clone()));
        let outcome = match stop.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(panicked(panic)),
            Err(_) => Err("it had not stopped at the deadline".into()),
        };
        match outcome {
            Ok(()) => {
                self.span.in_scope(|| info!("stopped"));
                Vec::new()
            }
            Err(cause) => StopErrors::flatten(&self.path, cause),
        }
    }
}
