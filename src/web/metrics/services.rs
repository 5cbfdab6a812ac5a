//! The metrics of the services.
//!
//! Ten thousand services have more than a hundred thousand numbers, most of which have not changed since the last
//! scrape. So the lines are kept, a few services together, and encoded again only if a number in them has changed.

use super::encode::{Lines, encode};
use super::families::{Families, Series};
use crate::service::{Entry, Sample, ServiceReport, State};
use std::collections::HashSet;

/// How many services are encoded together. More of them take less time to send, and more to encode when one of them
/// changes.
const TOGETHER: usize = 8;

/// The lines of all services.
#[derive(Default)]
pub(super) struct Services(Vec<Chunk>);

#[derive(Default)]
struct Chunk {
    /// The versions of its services. `None`: not known, so that it has to be encoded each time.
    versions: Option<Vec<u64>>,
    lines: Vec<Lines>,
}

impl Services {
    /// Encodes what has changed.
    pub(super) fn update(&mut self, entries: Vec<Entry>, families: &mut Families) {
        let chunks = entries.chunks(TOGETHER);
        self.0.resize_with(chunks.len(), Chunk::default);
        for (chunk, entries) in self.0.iter_mut().zip(chunks) {
            let versions: Option<Vec<u64>> = entries.iter().map(Entry::version).collect();
            if versions.is_none() || chunk.versions != versions {
                let series = entries.iter().flat_map(|entry| series(entry.report(), families));
                let series = series.collect();
                *chunk = Chunk { versions, lines: encode(families, series) };
            }
        }
    }

    /// All lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = Lines> {
        self.0.iter().flat_map(|chunk| &chunk.lines).cloned()
    }
}

/// All numbers of one service.
fn series(report: ServiceReport, families: &mut Families) -> Vec<Series> {
    let ServiceReport { path, state, restarts, counters, .. } = report;
    let states = State::ALL.iter().map(|each| {
        let help = "Whether the service is in this state: 1 for one of them, 0 for the others.";
        Sample::gauge("service_state", help, u64::from(*each == state))
            .label("state", each.as_str())
    });
    let help = "How often the service has been started again after it had failed or finished.";
    let restarts = Sample::counter("service_restarts", help, restarts);
    let mut known = HashSet::new();
    let mut series = Vec::new();
    for sample in states.chain([restarts]).chain(counters) {
        let name = sample.name.clone();
        let Some(one) = families.of_service(&path, sample) else { continue };
        if known.insert((one.family, one.labels.clone())) {
            series.push(one);
        } else {
            families.warn(&path, &name, "the service has two with this name and these labels");
        }
    }
    series
}
