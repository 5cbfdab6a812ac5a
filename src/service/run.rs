//! One run of a service, from its start to its end.

use super::{BoxError, ServicePath};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Notify;

/// What all contexts of one run share.
#[derive(Default)]
pub(super) struct Run {
    happened: AtomicU8,
    /// Notified of every event.
    notify: Notify,
}

/// The end of a run that nobody has requested.
pub(super) struct Ended {
    pub(super) path: ServicePath,
    pub(super) run: Arc<Run>,
    /// `None`: there was no error.
    pub(super) cause: Option<BoxError>,
}

/// An event of a run. Each happens once at most.
#[derive(Clone, Copy)]
enum Event {
    /// The service is ready.
    Ready = 1,
    /// It must not accept anything new.
    Closing = 2,
    /// It has failed or finished.
    Ended = 4,
}

impl Run {
    /// From now on the service must not accept anything new.
    pub(super) fn close(&self) {
        self.note(Event::Closing);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.has(Event::Closing)
    }

    pub(super) async fn closing(&self) {
        self.wait_for(Event::Closing).await;
    }

    /// The service declares that it is ready.
    pub(super) fn say_ready(&self) {
        self.note(Event::Ready);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.has(Event::Ready)
    }

    pub(super) async fn ready(&self) {
        self.wait_for(Event::Ready).await;
    }

    /// Records that the run has failed or finished. `false`: it had already.
    pub(super) fn end(&self) -> bool {
        self.note(Event::Ended)
    }

    /// Whether the run has failed or finished.
    pub(super) fn has_ended(&self) -> bool {
        self.has(Event::Ended)
    }

    /// Records an event. `false`: it has happened before.
    fn note(&self, event: Event) -> bool {
        let before = self.happened.fetch_or(event as u8, Ordering::AcqRel);
        self.notify.notify_waiters();
        before & event as u8 == 0
    }

    fn has(&self, event: Event) -> bool {
        self.happened.load(Ordering::Acquire) & event as u8 != 0
    }

    async fn wait_for(&self, event: Event) {
        loop {
            // Registered before the event is checked, so that no wake-up is missed.
            let notified = self.notify.notified();
            if self.has(event) {
                return;
            }
            notified.await;
        }
    }
}
