//! Channels to the main thread. It sleeps until a signal arrives or its descriptor is readable, so what is sent has
//! to wake it.

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc;

/// Wakes the main thread. One descriptor serves all of its channels.
#[derive(Clone)]
pub(super) struct Waker(Arc<EventFd>);

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self(Arc::new(EventFd::from_value_and_flags(0, flags)?)))
    }

    fn wake(&self) {
        let _ = self.0.write(1); // fails only if it has been woken 2^64 times
    }

    /// Clears the wake-ups so far. What was sent before them can be received now.
    pub(super) fn clear(&self) {
        let _ = self.0.read(); // nothing to read: something else woke this thread
    }
}

/// Readable when something has been sent since the last [`clear`](Waker::clear).
impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends to the main thread and wakes it. It is woken when a sender is dropped, too.
pub(super) struct Outbox<T> {
    // Dropped before the waker wakes.
    sender: Option<mpsc::Sender<T>>,
    waker: Waker,
}

/// A channel to the main thread.
pub(super) fn channel<T>(waker: &Waker) -> (Outbox<T>, mpsc::Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    (Outbox { sender: Some(sender), waker: waker.clone() }, receiver)
}

impl<T> Outbox<T> {
    /// Sends a message. It is dropped if the main thread receives nothing any more.
    pub(super) fn send(&self, message: T) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(message);
        }
        self.waker.wake();
    }
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waker: self.waker.clone() }
    }
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        self.sender = None;
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests;
