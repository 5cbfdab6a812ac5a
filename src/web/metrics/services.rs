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
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many services are on one page.
const PAGE: usize = 256;

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
        let encoded: HashMap<usize, Vec<Lines>> = changed
            .map(|index| {
                let series = series(entries[index].report(), families);
                (index, encode(families, series))
            })
            .collect();
        self.change(&encoded);
    }

    /// Puts the lines of these services in the place of those that they had.
    fn change(&mut self, changed: &HashMap<usize, Vec<Lines>>) {
        let (count, mut by_family) = (self.services.len(), BTreeMap::new());
        for (index, lines) in changed {
            for Lines { family, text } in lines {
                by_family.entry(*family).or_insert_with(HashMap::new).insert(*index, &**text);
            }
        }
        for family in by_family.keys() {
            self.families.entry(*family).or_insert_with(|| Text::of_nothing(count));
        }
        let none = HashMap::new();
        for (family, text) in &mut self.families {
            let new = by_family.get(family).unwrap_or(&none);
            text.change(|index| match changed.contains_key(&index) {
                true => Some(new.get(&index).copied().unwrap_or_default()),
                false => None,
            });
        }
        self.families.retain(|_, text| !text.all.is_empty());
    }
}

impl Text {
    fn of_nothing(count: usize) -> Self {
        Self { all: Bytes::new(), ends: vec![0; count] }
    }

    /// The lines of each service.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.all[*start..*end])
    }

    /// Takes over the lines that services have now. `None`: those that they had.
    fn change<'a>(&mut self, now: impl Fn(usize) -> Option<&'a [u8]>) {
        let is_same = |(index, before): (usize, &[u8])| now(index).is_none_or(|new| new == before);
        if self.parts().enumerate().all(is_same) {
            return;
        }
        let (mut all, mut ends) = (Vec::with_capacity(self.all.len() + 1024), Vec::new());
        for (index, before) in self.parts().enumerate() {
            all.extend_from_slice(now(index).unwrap_or(before));
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
