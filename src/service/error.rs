//! The errors of services. They always include the name of the service.

use super::{BoxError, ServicePath};
use crate::chain::chain;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a service was doing, or should have done, when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// [`Service::privileged_start`](super::Service::privileged_start).
    PrivilegedStart,
    /// [`Service::start`](super::Service::start).
    Start,
    /// Running: a task without which it can't work has ended, or it has called
    /// [`Context::fail`](super::Context::fail).
    Run,
    /// [`Service::reload`](super::Service::reload).
    Reload,
    /// [`Service::close`](super::Service::close).
    Close,
    /// [`Service::stop`](super::Service::stop).
    Stop,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::PrivilegedStart | Step::Start => "could not start",
            Step::Run => "failed",
            Step::Reload => "could not prepare the reload",
            Step::Close => "could not be closed",
            Step::Stop => "did not stop cleanly",
        })
    }
}

/// The failure of one service: which one, what it was doing, and why.
#[derive(Debug, thiserror::Error)]
#[error("service {path} {step}: {cause}")]
#[non_exhaustive]
pub struct ServiceError {
    /// The service that failed.
    pub path: ServicePath,
    /// What it was doing.
    pub step: Step,
    /// Why it failed.
    #[source]
    pub cause: BoxError,
}

impl ServiceError {
    /// Adds the name of the failed service, unless `cause` has one already: the failure of a child passes through
    /// its parents unchanged.
    pub(crate) fn locate(path: &ServicePath, step: Step, cause: BoxError) -> Self {
        match cause.downcast::<ServiceError>() {
            Ok(located) => *located,
            Err(cause) => ServiceError { path: path.clone(), step, cause },
        }
    }
}

/// The failures of several services while they were being stopped. Never empty.
#[derive(Debug)]
pub struct StopErrors(Vec<ServiceError>);

impl fmt::Display for StopErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{}", chain(error))?;
        }
        Ok(())
    }
}

impl std::error::Error for StopErrors {}

impl StopErrors {
    /// The failures; at least one.
    pub fn errors(&self) -> &[ServiceError] {
        &self.0
    }

    /// An error, if there are any failures.
    pub(crate) fn check(errors: Vec<ServiceError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// Splits what a service's `stop` returned into the failures of single services.
    pub(crate) fn flatten(path: &ServicePath, cause: BoxError) -> Vec<ServiceError> {
        match cause.downcast::<StopErrors>() {
            Ok(several) => several.0,
            Err(cause) => vec![ServiceError::locate(path, Step::Stop, cause)],
        }
    }
}

/// Why a child could not be added to a [`MultiService`](super::MultiService).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The parent already has a child with that name.
    #[error("there is already a service named {0:?} here; choose another name")]
    Duplicate(String),
    /// The name is not valid in a path.
    #[error("{0:?} can't be the name of a service; use letters, digits, '-' and '_'")]
    BadName(String),
    /// The parent is running, so adding requires starting.
    #[error("can't add {0:?} without starting it: the parent is running; use add_and_start")]
    Running(String),
    /// The child failed to start, and was not added.
    #[error(transparent)]
    Start(#[from] ServiceError),
    /// It was told to stop, or was removed, before it had started.
    #[error("the service {0} was stopped before it had started")]
    Interrupted(ServicePath),
}

/// Why a running tree was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The application is not running.
    #[error("the application is not running")]
    NotRunning,
    /// A reload had not ended within the stop-timeout.
    #[error("a reload is in progress; try again when it has ended")]
    Reloading,
    /// There is no service with this path.
    #[error("there is no service {0}")]
    Unknown(ServicePath),
    /// It can't contain other services.
    #[error("the service {0} is not a group, and can't hold other services")]
    NotAGroup(ServicePath),
    /// The group that contains the service has not started, or is stopping.
    #[error("{} is starting or stopping, or has been stopped; try again when it is running", group(.0))]
    GroupNotRunning(ServicePath),
    /// Other services have found the service, and still use it.
    #[error("the service {path} is in use by {}", join(by))]
    InUse {
        /// The service.
        path: ServicePath,
        /// The services that have found it.
        by: Vec<ServicePath>,
    },
    /// The new service can't be added.
    #[error(transparent)]
    Add(#[from] AddError),
    /// The service failed to start.
    #[error(transparent)]
    Start(#[from] ServiceError),
}

fn group(path: &ServicePath) -> String {
    if path.parent().is_none() { "the application".into() } else { format!("the group {path}") }
}

/// Paths for people.
pub(super) fn join(paths: &[ServicePath]) -> String {
    paths.iter().map(ServicePath::as_str).collect::<Vec<_>>().join(", ")
}

/// Calls a service's own code. If it panics, that is an error.
pub(super) fn guarded<R>(call: impl FnOnce() -> R) -> Result<R, BoxError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(panicked)
}

/// The message of a panic, as an error.
pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> BoxError {
    let message = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no message)".into());
    format!("panicked: {message}").into()
}
