//! How many connections a server has left after it has closed, for its status line.

use crate::service::Context;
use crate::sync::Mutex;
use std::sync::Arc;

/// The connections that a closed server has left. Nothing is counted before it is closed.
pub(super) struct Draining {
    cx: Context,
    /// The status line of the server as long as it has not counted any.
    status: String,
    open: Mutex<usize>,
}

/// Those of one accept loop.
pub(super) struct Left {
    all: Arc<Draining>,
    open: usize,
}

impl Draining {
    /// For a server with this context, whose status line is `status`.
    pub(super) fn new(cx: &Context, status: String) -> Arc<Self> {
        Arc::new(Self { cx: cx.clone(), status, open: Mutex::new(0) })
    }

    /// For one more accept loop.
    pub(super) fn left(self: &Arc<Self>) -> Left {
        Left { all: self.clone(), open: 0 }
    }
}

impl Left {
    /// Sets how many connections this loop has left.
    pub(super) fn set(&mut self, open: usize) {
        if open == self.open {
            return;
        }
        // The lock is held until the status is set: otherwise an older number could be the last one to be shown.
        let mut all = self.all.open.lock();
        *all = *all - self.open + open;
        self.open = open;
        self.all.cx.status(match *all {
            0 => self.all.status.clone(),
            1 => "1 connection open".into(),
            several => format!("{several} connections open"),
        });
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.set(0);
    }
}
