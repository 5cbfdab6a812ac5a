//! What services offer to each other.

use super::ServicePath;
use std::any::Any;
use std::sync::Arc;

/// What one service offers to the others: a cheap, cloneable handle to its content, not the service itself.
///
/// For example, the handle of a poem service always gives the poem that was loaded last. A handle stays valid
/// when its service is restarted.
#[derive(Clone)]
pub struct Handle(Arc<dyn Any + Send + Sync>);

impl Handle {
    /// A handle for services that look for the type `T`.
    pub fn new<T: Clone + Send + Sync + 'static>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The value, if it is a `T`.
    pub(crate) fn value<T: Clone + 'static>(&self) -> Option<T> {
        self.0.downcast_ref::<T>().cloned()
    }
}

/// Why a lookup by name failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There is no service with that name in the same group or in those around it.
    #[error("there is no service named {name:?} next to {from}, nor in the groups around it")]
    Unknown {
        /// The name that was looked for.
        name: String,
        /// The service that looked.
        from: ServicePath,
    },
    /// There is one, but its handle has another type.
    #[error("the service {found} is not of the kind that {from} needs")]
    OtherKind {
        /// The service that was found.
        found: ServicePath,
        /// The service that looked.
        from: ServicePath,
    },
}
