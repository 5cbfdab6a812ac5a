//! The users of one open socket.

use super::ListenOptions;
use crate::service::ServicePath;

/// Who serves the clients of a listening socket that one of its users has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// Nobody. New clients are refused from now on; those who wait would be reset if the user did not serve them.
    Nobody,
    /// Another service of this process, or another instance: those who wait, too.
    AnotherUser,
    /// Whoever has it next, since it stays open.
    WhoeverIsNext,
}

/// Who uses a socket now, in the order in which they asked for it. A service that has it twice is there twice.
#[derive(Default)]
pub(super) struct Users(Vec<User>);

struct User {
    number: u64,
    service: ServicePath,
    /// What it has asked for.
    options: ListenOptions,
    /// Whether it accepts nobody any more, except those who wait.
    has_closed: bool,
}

impl Users {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The service that last asked for the socket, of those that use it.
    pub(super) fn last(&self) -> Option<&ServicePath> {
        self.0.last().map(|user| &user.service)
    }

    /// What that service has asked for, unless it accepts nobody any more.
    pub(super) fn wanted(&self) -> Option<&ListenOptions> {
        self.0.last().filter(|user| !user.has_closed).map(|user| &user.options)
    }

    pub(super) fn add(&mut self, number: u64, service: ServicePath, options: ListenOptions) {
        self.0.push(User { number, service, options, has_closed: false });
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.0.retain(|user| user.number != number);
    }

    /// Records that one of them accepts nobody any more. Returns whether all of them have closed.
    pub(super) fn close(&mut self, number: u64) -> bool {
        let own = self.0.iter_mut().filter(|user| user.number == number);
        own.for_each(|user| user.has_closed = true);
        self.have_closed()
    }

    /// Whether none of them accepts anybody any more.
    pub(super) fn have_closed(&self) -> bool {
        self.0.iter().all(|user| user.has_closed)
    }

    /// Whether another one has not closed.
    pub(super) fn has_other_than(&self, number: u64) -> bool {
        self.0.iter().any(|user| user.number != number && !user.has_closed)
    }

    /// Whether this one has the socket alone.
    pub(super) fn is_only(&self, number: u64) -> bool {
        self.0.iter().all(|user| user.number == number)
    }
}
