//! Sockets that stay open while their services are stopped, because these will be started again.

use super::Sockets;
use super::open::Open;
use crate::service::{Belongings, ServicePath};
use crate::sync::Mutex;
use std::any::Any;
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
