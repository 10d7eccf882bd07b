//! The results of a run.

use serde_json::{Value, json};

use crate::comparison::{Comparison, Series};
use crate::driver::RunningProgram;
use crate::statistics::{Summary, ratios, sums};

/// Everything that was measured and counted.
#[derive(Default)]
pub(super) struct Results {
    pub(super) comparisons: Vec<Comparison>,
    pub(super) metrics: Vec<Metric>,
    /// Under which conditions a group was measured, by group.
    pub(super) notes: Vec<(&'static str, String)>,
    pub(super) throughputs: Vec<Throughput>,
    /// The errors because of which groups of scenarios were not finished.
    pub(super) failures: Vec<String>,
}

/// A value that was counted or measured once, such as a size.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) subject: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

/// The series of throughputs: a mix by the number of environments and by the requests in flight within one, and
/// sign-ins with refreshes by the requests in flight within one.
pub(super) const ENVIRONMENTS: &str = "environments";
pub(super) const CONCURRENCY: &str = "in flight in one environment";
pub(super) const HASHES: &str = "in flight in one environment, with hashes";

/// The throughput of one subject at one level of a series.
#[derive(Clone, Debug)]
pub(super) struct Throughput {
    pub(super) series: &'static str,
    /// The number of environments, or of requests in flight within one.
    pub(super) level: usize,
    pub(super) subject: &'static str,
    /// The requests that were answered as expected, in a second.
    pub(super) rate: f64,
    /// The time of the most frequent kind of request, in milliseconds.
    pub(super) latency: Option<Summary>,
    /// The requests that were answered otherwise.
    pub(super) failures: usize,
    /// The number of processors that the environments kept busy, and that were busy altogether.
    pub(super) processors: f64,
    pub(super) all_processors: f64,
    /// The connections to Postgres and to Redis.
    pub(super) connections: [usize; 2],
    /// The memory of all environments, in MiB.
    pub(super) memory: u64,
}

impl Results {
    pub(super) fn add(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    pub(super) fn add_metric(
        &mut self,
        name: impl Into<String>,
        subject: &'static str,
        value: usize,
        unit: &'static str,
    ) {
        let value = u32::try_from(value).map_or(f64::MAX, f64::from);
        self.metrics.push(Metric { name: name.into(), subject, value, unit });
    }

    /// Adds the peak memory of a process, in MiB.
    pub(super) fn add_peak_memory(&mut self, group: &str, subject: &'static str, running: &RunningProgram) {
        let kib = running.peak_memory().and_then(|bytes| u32::try_from(bytes / 1024).ok());
        let Some(kib) = kib else { return };
        let (name, value) = (format!("peak memory, {group}"), f64::from(kib) / 1024.0);
        self.metrics.push(Metric { name, subject, value, unit: "MiB" });
    }

    fn comparison(&self, group: &str, name: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|comparison| comparison.group == group && comparison.name == name)
    }

    pub(super) fn series(&self, group: &str, name: &str, subject: &str) -> Option<&Series> {
        self.comparison(group, name)?.series_of(subject)
    }

    pub(super) fn metric(&self, name: &str, subject: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|metric| metric.name == name && metric.subject == subject);
        found.map(|metric| metric.value)
    }

    /// The ratio of the time of `subject` to the sum of the times of `others`, calculated for each round.
    pub(super) fn ratio(&self, group: &str, name: &str, subject: &str, others: &[&str]) -> Option<Summary> {
        let mut total: Option<Vec<f64>> = None;
        for other in others {
            let wall = &self.series(group, name, other)?.wall;
            total = Some(total.map_or_else(|| wall.clone(), |sum| sums(&sum, wall)));
        }
        Summary::of(&ratios(&self.series(group, name, subject)?.wall, &total?))
    }

    /// The content of `results.json`.
    pub(super) fn json(&self) -> Value {
        let summary = |summary: Option<Summary>| {
            summary.map(|Summary { n, median, p99, quartiles }| {
                json!({"n": n, "median": median, "p99": p99, "quartiles": quartiles})
            })
        };
        let figures = self.comparisons.iter().map(|comparison| {
            let series = comparison.series.iter().map(|series| {
                json!({
                    "who": series.subject,
                    "wall_us": summary(series.summary()),
                    "cpu_us": summary(series.cpu_summary()),
                    "of_us": summary(self.ratio(comparison.group, &comparison.name, series.subject, &["us"])),
                })
            });
            json!({"group": comparison.group, "name": comparison.name, "series": series.collect::<Vec<_>>()})
        });
        let facts = self.metrics.iter().map(|Metric { name, subject, value, unit }| {
            json!({"name": name, "who": subject, "value": value, "unit": unit})
        });
        let throughputs = self.throughputs.iter().map(|throughput| {
            json!({
                "series": throughput.series,
                "level": throughput.level,
                "who": throughput.subject,
                "per_second": throughput.rate,
                "latency_ms": summary(throughput.latency),
                "failures": throughput.failures,
                "processors": throughput.processors,
                "all_processors": throughput.all_processors,
                "connections": throughput.connections,
                "memory_mib": throughput.memory,
            })
        });
        let notes = self.notes.iter().map(|(group, note)| json!({"group": group, "note": note}));
        json!({
            "notes": notes.collect::<Vec<_>>(),
            "figures": figures.collect::<Vec<_>>(),
            "throughputs": throughputs.collect::<Vec<_>>(),
            "facts": facts.collect::<Vec<_>>(),
            "failures": self.failures,
        })
    }
}
