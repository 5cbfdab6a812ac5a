//! Where sockets stay while no process of this program is running: systemd's descriptor store, in which they are
//! named after their service. See "File Descriptor Store" in systemd's documentation, and FDSTORE=1 in
//! sd_notify(3).

use crate::service::ServicePath;
use std::collections::HashSet;
use std::io;
use std::os::fd::BorrowedFd;

/// The longest name that systemd accepts; it replaces longer ones by `stored`.
const LONGEST_NAME: usize = 255;

/// Keeps descriptors that outlive the process.
pub(crate) trait DescriptorStore: Send + Sync {
    /// How many descriptors fit. The store closes further ones without an error.
    fn room(&self) -> usize;

    /// Adds a copy of a descriptor, with a name.
    fn store(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()>;

    /// Removes all descriptors with that name, and returns when they have been closed there.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// The store, and the names that are used in it.
#[derive(Default)]
pub(super) struct Stored {
    store: Option<Box<dyn DescriptorStore>>,
    names: HashSet<String>,
}

impl Stored {
    /// What is in `store`, under these names.
    pub(super) fn new(store: Option<Box<dyn DescriptorStore>>, names: HashSet<String>) -> Self {
        Self { store, names }
    }

    /// Stores a socket of a service, if there is a store, and returns the name with which it is stored.
    ///
    /// # Errors
    /// If it does not fit, or the store can't be reached.
    pub(super) fn add(
        &mut self,
        service: &ServicePath,
        socket: BorrowedFd<'_>,
    ) -> io::Result<Option<String>> {
        let Some(store) = &self.store else { return Ok(None) };
        if self.names.len() >= store.room() {
            let full = format!(
                "the descriptor store has room for {} sockets; in the unit, raise FileDescriptorStoreMax= and, where Environment= sets it, FDSTORE=",
                store.room()
            );
            return Err(io::Error::other(full));
        }
        let numbers = (0..).map(|number: usize| format!("{}/{number}", service.as_str()));
        let Some(name) = numbers.into_iter().find(|name| !self.names.contains(name)) else {
            return Err(io::Error::other("it has too many sockets"));
        };
        if name.len() > LONGEST_NAME {
            return Err(io::Error::other("its name is too long for the descriptor store"));
        }
        store.store(&name, socket)?;
        self.names.insert(name.clone());
        Ok(Some(name))
    }

    /// Removes a socket.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.names.remove(name);
        self.store.as_ref().map_or(Ok(()), |store| store.remove(name))
    }
}

/// The path of the service whose socket is stored with a name: what comes before the slash and the number.
/// `None`: this program does not store anything with such a name.
pub(super) fn service_of(name: &str) -> Option<&str> {
    let (service, number) = name.rsplit_once('/')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !service.is_empty()).then_some(service)
}
