//! What a process offers to its services.

use super::ServicePath;
use crate::sync::RwLock;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// What the process offers to its services, one value per type: its sockets, its connection limit, or anything
/// else that the program adds.
#[derive(Clone, Default)]
pub struct Resources(Arc<RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl Resources {
    /// No resources yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers `value` to every service, in place of an earlier value with its type.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) {
        let mut map = self.0.write();
        map.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The value of type `T`, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let map = self.0.read();
        map.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }

    /// The value of type `T`, which is created if it does not exist.
    pub fn get_or_default<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        if let Some(value) = self.get() {
            return value;
        }
        let mut map = self.0.write();
        let value = map.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        value.downcast().unwrap_or_default() // each value has the type that is its key
    }

    /// What keeps the belongings of services while they are restarted, if the process has such a thing.
    pub(super) fn belongings(&self) -> Option<Arc<Box<dyn Belongings>>> {
        self.get()
    }
}

/// What services have been given by the process, and get again when they are restarted: their listening sockets.
///
/// Offered as a resource of type `Box<dyn Belongings>`.
pub trait Belongings: Send + Sync {
    /// Keeps what the services at `path` and below have now, until the result is dropped.
    fn keep(&self, path: &ServicePath) -> Box<dyn Any + Send>;

    /// Keeps what the services at exactly these paths have now, and lets others have it, too, until the result is
    /// dropped: these services will be replaced or removed, and those that come after them listen on the same sockets.
    /// Others will be stopped and started again. Where nobody has taken over what a service had, the service gets it back.
    fn hand_over(&self, from: &[ServicePath]) -> Box<dyn Any + Send>;

    /// Releases what no service has any more. Called after each change to the tree.
    fn let_go(&self);
}
