//! The names of metrics. All series with the same name, and their help and type, are a family.

use crate::service::{Sample, SampleKind, ServicePath};
use indexmap::IndexMap;
use indexmap::map::Entry;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tracing::warn;

/// How often the names of services may be left out before that is no longer logged.
const MAX_WARNINGS: usize = 100;

/// All families, in the order in which they first appeared. Each is known by its number.
#[derive(Default)]
pub(super) struct Families {
    all: IndexMap<String, Known>,
    /// Those of the names that services use, for counters and for gauges.
    of_services: [HashMap<String, Option<usize>>; 2],
    /// The names for which it has been logged that they are left out.
    left_out: HashSet<String>,
}

struct Known {
    family: Arc<Family>,
    /// Whether it is about the process.
    is_of_process: bool,
}

/// A family of metrics.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    /// The name, without its unit and without `_total`.
    pub(super) name: String,
    pub(super) unit: Option<&'static str>,
    pub(super) kind: SampleKind,
    pub(super) help: String,
}

/// The units that names may end in.
const UNITS: [&str; 2] = ["bytes", "seconds"];

/// One number.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) family: usize,
    pub(super) labels: Vec<(Cow<'static, str>, String)>,
    pub(super) value: Value,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl Family {
    /// The family of metrics with this name, such as `poetryd_sent_bytes`. Characters that can't be in a name become `_`.
    pub(super) fn new(name: &str, kind: SampleKind, help: &str) -> Self {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = name.replace(|c| !is_allowed(c), "_");
        let name = name.strip_suffix("_total").unwrap_or(&name);
        let has_unit = |unit: &&str| {
            name.strip_suffix(unit).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_'))
        };
        let unit = UNITS.into_iter().find(has_unit);
        let name = name.strip_suffix(unit.unwrap_or_default()).unwrap_or(name);
        let name = if unit.is_some() { name.trim_end_matches('_') } else { name };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        Self { name: name.into(), unit, kind, help }
    }

    /// The name with its unit.
    pub(super) fn full_name(&self) -> String {
        match self.unit {
            Some(unit) => format!("{}_{unit}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Families {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, family: usize) -> &Arc<Family> {
        &self.all[family].family
    }

    /// The family of this name, which is added if there is none, for metrics of the process. `None`: services have it.
    pub(super) fn of_process(&mut self, name: &str, kind: SampleKind, help: &str) -> Option<usize> {
        self.find(Family::new(name, kind, help), true)
    }

    /// A number of a service. `None`: another one has its name, but another type; that is logged.
    pub(super) fn of_service(&mut self, service: &ServicePath, sample: Sample) -> Option<Series> {
        let Sample { name, help, kind, labels, value } = sample;
        let of_kind = usize::from(kind == SampleKind::Gauge);
        let family = match self.of_services[of_kind].get(&name) {
            Some(known) => *known,
            None => {
                let family = Family::new(&format!("poetryd_{name}"), kind, help);
                let found = self.find(family, false);
                self.of_services[of_kind].insert(name.clone(), found);
                found
            }
        };
        let Some(family) = family else {
            self.warn(service, &name, "another metric has this name");
            return None;
        };
        let own = labels.into_iter().map(|(name, value)| (label_name(name), value));
        let labels: Vec<(Cow<'static, str>, String)> =
            [("service".into(), service.to_string())].into_iter().chain(own).collect();
        let mut names = HashSet::new();
        if !labels.iter().all(|(name, _)| names.insert(name)) {
            self.warn(service, &name, "two of its labels have the same name");
            return None;
        }
        Some(Series { family, labels, value: Value::Whole(value) })
    }

    /// Logs that a number of a service is left out, once for each name.
    pub(super) fn warn(&mut self, service: &ServicePath, name: &str, why: &str) {
        if self.left_out.len() < MAX_WARNINGS && self.left_out.insert(name.into()) {
            warn!("the counter {name} of {service} is left out of the metrics: {why}");
        }
    }

    fn find(&mut self, family: Family, is_of_process: bool) -> Option<usize> {
        match self.all.entry(family.full_name()) {
            Entry::Occupied(known) => {
                let same = known.get().family.kind == family.kind
                    && known.get().is_of_process == is_of_process;
                same.then(|| known.index())
            }
            Entry::Vacant(place) => {
                let (index, family) = (place.index(), Arc::new(family));
                place.insert(Known { family, is_of_process });
                Some(index)
            }
        }
    }
}

/// The name of a label of a service's own. Those that begin with `__` have a meaning to Prometheus.
fn label_name(name: &'static str) -> Cow<'static, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_free = !name.is_empty()
        && name != "service"
        && !name.starts_with("__")
        && !name.starts_with(|c: char| c.is_ascii_digit());
    match is_free && name.chars().all(is_allowed) {
        true => name.into(),
        false => format!("own_{name}").replace(|c| !is_allowed(c), "_").into(),
    }
}
