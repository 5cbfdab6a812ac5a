//! The services that one reload starts, until it is certain that they stay.

use super::run::Ended;
use crate::sync::Mutex;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The services that a reload starts. They accept nothing before it is committed, and if one of them fails before
/// that, the reload has failed.
pub(super) struct Generation {
    committed: watch::Sender<bool>,
    /// Where failures go until the reload is committed.
    ended: Mutex<Option<mpsc::UnboundedSender<Ended>>>,
}

impl Generation {
    /// Also returns the receiver of the ends of services' runs.
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Ended>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let ended = Mutex::new(Some(sender));
        (Arc::new(Self { committed: watch::Sender::new(false), ended }), receiver)
    }

    /// Takes the end of a run, or returns it if the reload has been committed: then it is the tree's.
    pub(super) fn take(&self, ended: Ended) -> Option<Ended> {
        match &*self.ended.lock() {
            Some(sender) => sender.send(ended).err().map(|unsent| unsent.0),
            None => Some(ended),
        }
    }

    /// From now on, ends of runs are the tree's.
    pub(super) fn settle(&self) {
        *self.ended.lock() = None;
    }

    /// From now on, the services may accept clients.
    pub(super) fn commit(&self) {
        self.committed.send_replace(true);
    }

    pub(super) async fn committed(&self) {
        let mut receiver = self.committed.subscribe();
        // The sender lives as long as this.
        let _ = receiver.wait_for(|committed| *committed).await;
    }
}
