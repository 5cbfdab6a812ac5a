//! The metrics of the services.
//!
//! Ten thousand services have more than a hundred thousand numbers, most of which have not changed since the last
//! scrape. So the text is kept: for some hundred services together, the lines of each family, which are sent as they are if
//! nothing in them has changed. Otherwise the lines of the services that have changed are encoded, and the others are
//! copied.

use super::encode::{Lines, encode};
use super::families::{Families, Series};
use crate::service::{Entry, Sample, ServiceReport, State, Watch};
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};

/// How many services are on one page: so many that the lines of a family are sent as they are, and so few that they are soon
/// copied.
const PAGE: usize = 768;

/// The text of all services.
#[derive(Default)]
pub(super) struct Services(Vec<Page>);

/// The text of some services.
#[derive(Default)]
struct Page {
    services: Vec<Watch>,
    /// The lines of each family.
    families: BTreeMap<usize, Text>,
}

/// The lines of one family.
#[derive(Default)]
struct Text {
    all: Bytes,
    /// Where those of each service end.
    ends: Vec<usize>,
}

impl Services {
    /// Encodes what has changed.
    pub(super) fn update(&mut self, entries: &[Entry], families: &mut Families) {
        let pages = entries.chunks(PAGE);
        self.0.resize_with(pages.len(), Page::default);
        for (page, entries) in self.0.iter_mut().zip(pages) {
            page.update(entries, families);
        }
    }

    /// All lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = Lines> {
        let texts = self.0.iter().flat_map(|page| &page.families);
        texts.map(|(family, text)| Lines { family: *family, text: text.all.clone() })
    }
}

impl Page {
    fn update(&mut self, entries: &[Entry], families: &mut Families) {
        if self.services.len() != entries.len() {
            *self = Self::default();
            self.services.resize_with(entries.len(), Watch::default);
        }
        let both = self.services.iter_mut().zip(entries);
        let others: Vec<bool> = both.map(|(service, entry)| service.sees_another(entry)).collect();
        // In a loop of its own, which takes no lock: so the memory of several services is read at the same time.
        let counts: Vec<bool> = self.services.iter_mut().map(Watch::has_counted).collect();
        let has_changed = |index: usize| others[index] || counts[index];
        let changed = (0..entries.len()).filter(|index| has_changed(*index));
        let encoded: BTreeMap<usize, Vec<Lines>> = changed
            .map(|index| {
                let series = series(entries[index].report(), families);
                (index, encode(families, series))
            })
            .collect();
        if !encoded.is_empty() {
            self.change(&encoded);
        }
    }

    /// Puts the lines of these services in the place of those that they had.
    fn change(&mut self, changed: &BTreeMap<usize, Vec<Lines>>) {
        let count = self.services.len();
        for Lines { family, .. } in changed.values().flatten() {
            self.families.entry(*family).or_insert_with(|| Text::of_nothing(count));
        }
        for (family, text) in &mut self.families {
            let lines_of = |lines: &Vec<Lines>| {
                let lines = lines.iter().find(|lines| lines.family == *family);
                lines.map_or_else(Bytes::new, |lines| lines.text.clone())
            };
            let now = changed.iter().map(|(index, lines)| (*index, lines_of(lines)));
            text.change(&now.collect::<Vec<_>>());
        }
        self.families.retain(|_, text| !text.all.is_empty());
    }
}

impl Text {
    fn of_nothing(count: usize) -> Self {
        Self { all: Bytes::new(), ends: vec![0; count] }
    }

    /// Where the lines of a service begin.
    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Takes over the lines that some services have now, in their order.
    fn change(&mut self, now: &[(usize, Bytes)]) {
        let is_same = |(index, lines): &(usize, Bytes)| {
            self.all[self.start(*index)..self.ends[*index]] == **lines
        };
        if now.iter().all(is_same) {
            return;
        }
        let (mut all, mut ends) = (Vec::with_capacity(self.all.len() + 1024), Vec::new());
        let mut now = now.iter().peekable();
        for index in 0..self.ends.len() {
            match now.next_if(|(changed, _)| *changed == index) {
                Some((_, lines)) => all.extend_from_slice(lines),
                None => all.extend_from_slice(&self.all[self.start(index)..self.ends[index]]),
            }
            ends.push(all.len());
        }
        (self.all, self.ends) = (all.into(), ends);
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
    let samples = states.chain([restarts]).chain(counters);
    let series: Vec<(String, Series)> = samples
        .filter_map(|sample| Some((sample.name.clone(), families.of_service(&path, sample)?)))
        .collect();
    let mut known = HashSet::new();
    let is_new: Vec<bool> =
        series.iter().map(|(_, one)| known.insert((one.family, &one.labels))).collect();
    let (once, twice): (Vec<_>, Vec<_>) =
        series.into_iter().zip(is_new).partition(|(_, is_new)| *is_new);
    for ((name, _), _) in twice {
        families.warn(&path, &name, "the service has two with this name and these labels");
    }
    once.into_iter().map(|((_, one), _)| one).collect()
}
