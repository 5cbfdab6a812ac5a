//! The settings that a service was made from, which are kept so that two trees can be compared.

use std::any::Any;
use std::fmt::Debug;

/// The checked settings that a service was made from.
///
/// A [`MultiService`](super::MultiService) keeps them with each child, so that a later version of the same tree
/// can be compared with the running one, child by child: equal settings mean the same service. Implemented for
/// every type that can be compared with itself.
pub trait Settings: Any + Debug + Send + Sync {
    /// Whether `other` has the same type and value.
    fn same_as(&self, other: &dyn Settings) -> bool;
}

impl<T: Any + PartialEq + Debug + Send + Sync> Settings for T {
    fn same_as(&self, other: &dyn Settings) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }
}
