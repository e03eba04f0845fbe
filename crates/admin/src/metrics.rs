//! Counters and gauges, and their Prometheus text form.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What a number is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name without the prefix `strowger_`.
    pub name: String,
    /// What it counts.
    pub help: String,
    /// Counter or gauge.
    pub kind: SampleKind,
    /// The number.
    pub value: u64,
}

impl Sample {
    /// A counter.
    pub fn counter(name: impl Into<String>, help: impl Into<String>, value: u64) -> Sample {
        Sample {
            name: name.into(),
            help: help.into(),
            kind: SampleKind::Counter,
            value,
        }
    }
    /// A gauge.
    pub fn gauge(name: impl Into<String>, help: impl Into<String>, value: u64) -> Sample {
        Sample {
            name: name.into(),
            help: help.into(),
            kind: SampleKind::Gauge,
            value,
        }
    }
}

/// All samples in the Prometheus text format, by name. Counters end in `_total`; samples of one name are added up.
pub fn write_metrics(samples: &[Sample]) -> String {
    let mut by_name: BTreeMap<String, Sample> = BTreeMap::new();
    for sample in samples {
        let name = metric_name(sample);
        by_name
            .entry(name)
            .and_modify(|first| first.value = first.value.saturating_add(sample.value))
            .or_insert_with(|| sample.clone());
    }
    let mut out = String::new();
    for (name, sample) in by_name {
        let kind = match sample.kind {
            SampleKind::Counter => "counter",
            SampleKind::Gauge => "gauge",
        };
        let help = sample.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(
            out,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {}",
            sample.value
        );
    }
    out
}

fn metric_name(sample: &Sample) -> String {
    let plain: String = sample
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    match sample.kind {
        SampleKind::Counter if !plain.ends_with("_total") => format!("strowger_{plain}_total"),
        _ => format!("strowger_{plain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_end_in_total_and_equal_names_are_added() {
        let samples = [
            Sample::counter("requests", "Requests", 2),
            Sample::gauge("bindings", "Bindings\nheld", 7),
            Sample::counter("requests", "Requests", 3),
        ];
        insta::assert_snapshot!(write_metrics(&samples));
    }
}
