//! One run of a service, from its start to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// What all contexts of one run share.
#[derive(Default)]
pub(super) struct Run {
    closing: Flag,
    ready: Flag,
    ended: AtomicBool,
}

/// Something that happens once, and that can be waited for.
#[derive(Default)]
struct Flag {
    set: AtomicBool,
    notify: Notify,
}

impl Run {
    /// The service is to take nothing new from now on.
    pub(super) fn close(&self) {
        self.closing.set();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_set()
    }

    pub(super) async fn closing(&self) {
        self.closing.wait().await;
    }

    /// The service says that it is fit to serve.
    pub(super) fn say_ready(&self) {
        self.ready.set();
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.is_set()
    }

    pub(super) async fn ready(&self) {
        self.ready.wait().await;
    }

    /// Takes down that the run has failed or ended. `false`: it had already.
    pub(super) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Flag {
    fn set(&self) {
        self.set.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        loop {
            // Asked for before the flag is looked at, so that no wake-up is missed.
            let notified = self.notify.notified();
            if self.is_set() {
                return;
            }
            notified.await;
        }
    }
}
