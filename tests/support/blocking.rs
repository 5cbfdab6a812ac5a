//! A kind of service that blocks a worker.

use poetryd::config::{Kind, Section};
use poetryd::service::{Service, ServiceFn};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// `kind = "blocking"`: blocks the first worker until there is a file named `go-on`.
#[derive(Debug, PartialEq)]
pub struct Blocking;

impl Kind for Blocking {
    fn read(_: &mut Section<'_>) -> Option<Self> {
        Some(Self)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(ServiceFn::new(|cx| async move {
            cx.all_started().await;
            cx.status("blocks now");
            while !Path::new("go-on").exists() {
                thread::sleep(Duration::from_millis(5));
            }
            cx.closing().await;
            Ok(())
        }))
    }
}
