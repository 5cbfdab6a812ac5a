//! What precedes the series of a family: its name, help and type.

use super::encode;
use super::families::{Families, Family};
use super::format::Format;
use crate::service::SampleKind;
use bytes::Bytes;

/// The heads of all families, in both formats.
#[derive(Default)]
pub(super) struct Heads(Vec<[Bytes; 2]>);

impl Heads {
    /// The head of the family with this number.
    pub(super) fn of(&mut self, family: usize, families: &Families, format: Format) -> Bytes {
        for unknown in self.0.len()..=family {
            let family = families.get(unknown);
            let open_metrics = encode::head(family);
            let prometheus = in_format_of_prometheus(family, &open_metrics);
            self.0.push([prometheus.into(), open_metrics.into()]);
        }
        self.0[family][usize::from(format == Format::OpenMetrics)].clone()
    }
}

/// The same head without the unit, with quotes as they are, and with the name that the series of a counter have.
fn in_format_of_prometheus(family: &Family, head: &str) -> String {
    let (name, is_counter) = (family.full_name(), family.kind == SampleKind::Counter);
    let mut text = String::new();
    for line in head.lines().filter(|line| !line.starts_with("# UNIT ")) {
        let total = format!(" {name}_total ");
        let line =
            if is_counter { line.replacen(&format!(" {name} "), &total, 1) } else { line.into() };
        text += &line.replace("\\\"", "\"");
        text.push('\n');
    }
    text
}
