//! The text of metrics, by prometheus-client.

use super::families::{Families, Family, Series, Value};
use crate::service::SampleKind;
use bytes::Bytes;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The lines of one family.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) family: usize,
    pub(super) text: Bytes,
}

/// The lines of these series.
pub(super) fn encode(families: &Families, mut series: Vec<Series>) -> Vec<Lines> {
    series.sort_by_key(|series| series.family); // those of the same family stay in order
    let blocks: Vec<Block> = series
        .chunk_by(|a, b| a.family == b.family)
        .map(|same| (families.get(same[0].family).clone(), same.len()))
        .collect();
    let numbers: Vec<usize> =
        series.chunk_by(|a, b| a.family == b.family).map(|same| same[0].family).collect();
    let text = Bytes::from(encoded(Encoded { blocks, series }));
    let without_heads = blocks_of(&text).map(|(_, lines)| lines);
    let lines = |(family, lines): (usize, &[u8])| Lines { family, text: text.slice_ref(lines) };
    numbers.into_iter().zip(without_heads).map(lines).collect()
}

/// What precedes the series of a family.
pub(super) fn head(family: &Arc<Family>) -> String {
    encoded(Encoded { blocks: vec![(family.clone(), 0)], series: Vec::new() })
}

fn encoded(metrics: Encoded) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    registry.register_collector(Box::new(metrics));
    let done = text::encode_registry(&mut text, &registry);
    debug_assert!(done.is_ok(), "writing to a string does not fail");
    text
}

/// The heads and the lines of all families in a text. No line but the first of a head begins like this: values are
/// escaped, so that they are within one line.
fn blocks_of(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let head = length_while(rest, |line| line.starts_with(b"#"));
        let (head, after) = rest.split_at_checked(head).filter(|(head, _)| !head.is_empty())?;
        let (lines, after) = after.split_at(length_while(after, |line| !line.starts_with(b"#")));
        rest = after;
        Some((head, lines))
    })
}

fn length_while(text: &[u8], wanted: impl Fn(&[u8]) -> bool) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.take_while(|line| wanted(line)).map(<[u8]>::len).sum()
}

/// A family, and how many series it has.
type Block = (Arc<Family>, usize);

/// Series of several families, in their order.
#[derive(Debug)]
struct Encoded {
    blocks: Vec<Block>,
    series: Vec<Series>,
}

struct Labels<'a>(&'a [(Cow<'static, str>, String)]);

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        self.0
            .iter()
            .try_for_each(|(name, value)| (&**name, &**value).encode(encoder.encode_label()))
    }
}

impl Collector for Encoded {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut rest = &self.series[..];
        for (family, count) in &self.blocks {
            let (series, others) = rest.split_at(*count);
            rest = others;
            let unit = family.unit.map(|unit| Unit::Other(unit.into()));
            let metric_type = match family.kind {
                SampleKind::Counter => MetricType::Counter,
                SampleKind::Gauge => MetricType::Gauge,
            };
            let Family { name, help, .. } = &**family;
            let mut metrics = encoder.encode_descriptor(name, help, unit.as_ref(), metric_type)?;
            for Series { labels, value, .. } in series {
                let labels = Labels(labels);
                let mut metric = metrics.encode_family(&labels)?;
                match (family.kind, value) {
                    (SampleKind::Counter, Value::Whole(value)) => {
                        metric.encode_counter::<NoLabelSet, u64, u64>(value, None)?;
                    }
                    (SampleKind::Counter, Value::Real(value)) => {
                        metric.encode_counter::<NoLabelSet, f64, u64>(value, None)?;
                    }
                    (SampleKind::Gauge, Value::Whole(value)) => metric.encode_gauge(value)?,
                    (SampleKind::Gauge, Value::Real(value)) => metric.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}
