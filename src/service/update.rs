//! What a reload changes in a service that stays.

use std::fmt;

/// What a reload changes in a service that stays in the tree, prepared by
/// [`Service::reload`](super::Service::reload).
///
/// It is [committed](Self::commit) when everything else of the reload has been prepared, too. If anything fails
/// before, it is dropped.
#[derive(Default)]
pub struct Update {
    text: Option<String>,
    commit: Option<Box<dyn FnOnce() + Send>>,
}

impl Update {
    /// Nothing changes.
    pub fn none() -> Self {
        Self::default()
    }

    /// A change, described in a few words for the report of the reload: `615 bytes from poetry/fascination.txt`.
    /// `commit` makes the change. It has to be quick and must not wait for anything.
    pub fn new(text: impl Into<String>, commit: impl FnOnce() + Send + 'static) -> Self {
        Self { text: Some(text.into()), commit: Some(Box::new(commit)) }
    }

    /// What changes. `None`: nothing.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Makes the change.
    pub fn commit(self) {
        if let Some(commit) = self.commit {
            commit();
        }
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Update").field(&self.text).finish()
    }
}
