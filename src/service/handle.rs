//! What services show to each other.

use super::ServicePath;
use std::any::Any;
use std::sync::Arc;

/// What one service shows to the others: a cheap, cloneable way to what it holds, never the service.
///
/// A poem service's handle, for example, is a pointer that always points to the poem loaded last. A handle stays
/// valid when its service is restarted.
#[derive(Clone)]
pub struct Handle(Arc<dyn Any + Send + Sync>);

impl Handle {
    /// A handle that is found by services that look for the type `T`.
    pub fn new<T: Clone + Send + Sync + 'static>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The value, if it is a `T`.
    pub(super) fn value<T: Clone + 'static>(&self) -> Option<T> {
        self.0.downcast_ref::<T>().cloned()
    }
}

/// Why a look-up by name failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No service of that name among the siblings or further out.
    #[error("there is no service called {name:?} beside {from}, nor in the groups around it")]
    Unknown {
        /// The name that was looked for.
        name: String,
        /// The service that looked.
        from: ServicePath,
    },
    /// There is one, but it is of another kind.
    #[error("the service {found} is not of the kind that {from} needs")]
    OtherKind {
        /// What was found.
        found: ServicePath,
        /// The service that looked.
        from: ServicePath,
    },
}
