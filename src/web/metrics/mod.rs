//! The metrics, for Prometheus and whatever reads its formats.
//!
//! - `families.rs`: the names of metrics; `encode.rs` and `heads.rs`: their text; `format.rs`: which of two formats a client
//!   wants.
//! - `services.rs`: those of the services, of which only what has changed is encoded again; `process.rs`: those of the
//!   process.

mod encode;
mod families;
mod format;
mod heads;
mod process;
mod services;

pub(super) use format::Format;

use crate::service::{Process, Tree};
use crate::sync::Mutex;
use bytes::Bytes;
use encode::{Lines, encode};
use families::Families;
use heads::Heads;
use services::Services;

/// The metrics of the process and of all services. Clones are the same.
pub(super) struct Metrics {
    process: Process,
    tree: Tree,
    text: Mutex<Text>,
}

/// What is kept from one scrape to the next.
#[derive(Default)]
struct Text {
    families: Families,
    heads: Heads,
    services: Services,
}

impl Metrics {
    pub(super) fn new(tree: Tree, process: Process) -> Self {
        Self { process, tree, text: Mutex::default() }
    }

    /// The values of all metrics now: the text in pieces, of which those that have not changed share their memory with
    /// those of other scrapes.
    pub(super) fn scrape(&self, format: Format) -> Vec<Bytes> {
        let mut text = self.text.lock();
        let Text { families, heads, services } = &mut *text;
        let (report, entries) = (self.process.report(), self.tree.entries());
        let of_process = process::series(&report, &entries, families);
        let of_process = encode(families, of_process);
        services.update(&entries, families);
        let mut lines: Vec<Vec<Bytes>> = vec![Vec::new(); families.len()];
        for Lines { family, text } in of_process.into_iter().chain(services.lines()) {
            lines[family].push(text);
        }
        let mut pieces = Vec::new();
        for (family, lines) in lines.into_iter().enumerate().filter(|(_, lines)| !lines.is_empty())
        {
            pieces.push(heads.of(family, families, format));
            pieces.extend(lines);
        }
        pieces.push(format.end());
        pieces
    }
}

#[cfg(test)]
mod tests;
