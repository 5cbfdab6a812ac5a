//! Where an application comes from.

use super::options::Options;
use crate::service::{Application, BoxError};

/// Makes the application. It is asked at the start, before anything else happens, and again at each reload, then on
/// another thread, which may take as long as it likes. It is never asked twice at the same time.
pub trait Source: Send + 'static {
    /// Makes the application without starting anything, and returns the runner's options that are set in the same
    /// place.
    ///
    /// # Errors
    /// If the application can't be made. The text of the error is shown to the person who started the daemon or asked
    /// for the reload. [`NotAgain`]: it can't be made a second time.
    fn load(&mut self) -> Result<(Application, Options), BoxError>;

    /// A short description of where the application came from, for the log: the name of a file, for example.
    fn origin(&self) -> String;
}

/// A [`Source`] can't be loaded again, although nothing is wrong with it: standard input, for example. It has made an
/// application at the start, but a reload is impossible.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAgain(String);

impl NotAgain {
    /// Says why, and what to do instead.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// An application that the program itself makes.
impl<F> Source for F
where
    F: FnMut() -> Result<(Application, Options), BoxError> + Send + 'static,
{
    fn load(&mut self) -> Result<(Application, Options), BoxError> {
        self()
    }

    fn origin(&self) -> String {
        "an application made by the program".into()
    }
}
