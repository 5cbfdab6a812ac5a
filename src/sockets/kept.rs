//! Sockets that stay open while their services are stopped, because these will be started again.

use super::Sockets;
use super::open::{OneOpen, Open};
use crate::service::{Belongings, ServicePath};
use crate::sync::Mutex;
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

/// The sockets of some services, which stay open until this is dropped. Clients wait in their queues.
struct Kept {
    ids: Vec<u64>,
    all: Arc<Mutex<Open>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        self.ids.iter().for_each(|id| all.keep_no_longer(*id));
    }
}

/// The sockets that some services leave to others, until this is dropped.
struct HandedOver {
    by: Vec<(u64, ServicePath)>,
    all: Arc<Mutex<Open>>,
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        self.by.iter().for_each(|(id, service)| all.hand_over_no_longer(*id, service));
    }
}

impl Belongings for Sockets {
    fn keep(&self, path: &ServicePath) -> Box<dyn Any + Send> {
        let all = self.open_sockets().clone();
        let ids = all.lock().keep(path);
        Box::new(Kept { ids, all })
    }

    fn hand_over(&self, from: &[ServicePath]) -> Box<dyn Any + Send> {
        let all = self.open_sockets().clone();
        let by = all.lock().hand_over(&from.iter().collect());
        Box::new(HandedOver { by, all })
    }

    fn let_go(&self) {
        self.close_unwanted();
    }
}

impl Open {
    /// Keeps the sockets that the services at `path` and below use, even when these give them back. Returns their
    /// numbers.
    fn keep(&mut self, path: &ServicePath) -> Vec<u64> {
        let theirs = self.sockets.iter_mut().filter(|(_, open)| open.service.is_within(path));
        let keep = |(id, open): (&u64, &mut OneOpen)| {
            open.kept += 1;
            *id
        };
        theirs.map(keep).collect()
    }

    /// Keeps the sockets of exactly these services, which others may have, too. Returns their numbers, each with its
    /// service.
    fn hand_over(&mut self, from: &HashSet<&ServicePath>) -> Vec<(u64, ServicePath)> {
        let theirs = self.sockets.iter_mut().filter(|(_, open)| from.contains(&open.service));
        let hand_over = |(id, open): (&u64, &mut OneOpen)| {
            open.kept += 1;
            open.handed_over_by.push(open.service.clone());
            (*id, open.service.clone())
        };
        theirs.map(hand_over).collect()
    }

    /// Ends what [`hand_over`](Self::hand_over) has begun.
    fn hand_over_no_longer(&mut self, id: u64, by: &ServicePath) {
        let Some(open) = self.sockets.get_mut(&id) else { return };
        if let Some(at) = open.handed_over_by.iter().position(|service| service == by) {
            open.handed_over_by.remove(at);
        }
        open.take_options();
        self.keep_no_longer(id);
    }

    /// Ends what [`keep`](Self::keep) has begun.
    fn keep_no_longer(&mut self, id: u64) {
        let Some(open) = self.sockets.get_mut(&id) else { return };
        open.kept -= 1;
        if open.is_free() && !open.is_shared() {
            self.close(id);
        }
    }
}
