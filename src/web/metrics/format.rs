//! The formats of the metrics.

use bytes::Bytes;

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Format {
    /// [Prometheus's own](https://prometheus.io/docs/instrumenting/exposition_formats/), version 0.0.4.
    Prometheus,
    /// [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/), version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that a client prefers, by its `Accept` header; see RFC 9110, section 12.5.1. Prometheus's own if it
    /// does not say.
    pub(in crate::web) fn preferred(accept: &str) -> Self {
        let ranges: Vec<(&str, f32)> = accept.split(',').map(range).collect();
        let quality = |wanted: &[&str]| {
            let exact = ranges.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted[0]));
            let exact = exact.map(|(_, quality)| *quality).reduce(f32::max);
            let general = ranges.iter().filter(|(name, _)| wanted[1..].contains(name));
            exact.or_else(|| general.map(|(_, quality)| *quality).reduce(f32::max)).unwrap_or(0.0)
        };
        let open_metrics = quality(&["application/openmetrics-text"]);
        match open_metrics > 0.0 && open_metrics >= quality(&["text/plain", "text/*", "*/*"]) {
            true => Format::OpenMetrics,
            false => Format::Prometheus,
        }
    }

    pub(in crate::web) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What follows the last metric.
    pub(super) fn end(self) -> Bytes {
        match self {
            Format::Prometheus => Bytes::new(),
            Format::OpenMetrics => Bytes::from_static(b"# EOF\n"),
        }
    }
}

/// A media range and its quality: `text/plain;version=0.0.4;q=0.5`.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| {
        part.strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim().parse().ok()
    });
    (name, quality.unwrap_or(1.0))
}
