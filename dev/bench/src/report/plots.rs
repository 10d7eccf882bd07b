//! The charts of a run.

use super::{bill, throughput};
use crate::comparison::Comparison;
use crate::plot::Plot;
use crate::results::Results;

/// Bars of several subjects under a label.
type Row = (String, Vec<(&'static str, f64)>);

/// Each chart with the name of its file. Those without rows are left out.
pub(super) fn all(results: &Results, memory: f64) -> Vec<(&'static str, Plot)> {
    let group = |comparison: &Comparison, groups: &[&str]| groups.contains(&comparison.group);
    let is_cold = |comparison: &Comparison| comparison.name.starts_with("cold: ");
    let times = |title, unit, scale, selects: &dyn Fn(&Comparison) -> bool| {
        let rows = medians(results, scale, selects);
        Plot { title: String::from(title), unit, logarithmic: true, rows }
    };
    let all = [
        (
            "cold.svg",
            times("From the start of a process to its first answer", "ms", 1000.0, &|of| {
                group(of, &["cold"])
            }),
        ),
        (
            "latency.svg",
            times("One request, warm, median", "µs", 1.0, &|of| group(of, &["books", "auth", "ping"])),
        ),
        (
            "aws-cold.svg",
            times("From the start of a process to its first answer, as on AWS", "ms", 1000.0, &|of| {
                group(of, &["aws"]) && is_cold(of)
            }),
        ),
        (
            "aws.svg",
            times("One request, warm, as on AWS, median", "ms", 1000.0, &|of| {
                group(of, &["aws"]) && !is_cold(of)
            }),
        ),
        (
            "large.svg",
            times("Uncached lists as they grow, median", "ms", 1000.0, &|of| group(of, &["large"])),
        ),
        ("memory.svg", peak_memory(results)),
        ("cost.svg", bill::plot(results, memory)),
    ];
    all.into_iter().chain(throughput::plots(results)).filter(|(_, plot)| !plot.rows.is_empty()).collect()
}

/// The medians of the selected comparisons in which we take part.
fn medians(results: &Results, scale: f64, selects: &dyn Fn(&Comparison) -> bool) -> Vec<Row> {
    let ours = results.comparisons.iter().filter(|comparison| comparison.series_of("us").is_some());
    let rows = ours.filter(|comparison| selects(comparison)).map(|comparison| {
        let bars = ["floor", "us", "peer"]
            .into_iter()
            .filter_map(|subject| Some((subject, comparison.series_of(subject)?.summary()?.median / scale)));
        (comparison.name.clone(), bars.collect())
    });
    rows.collect()
}

fn peak_memory(results: &Results) -> Plot {
    let mut rows: Vec<Row> = Vec::new();
    for metric in &results.metrics {
        let Some(label) = metric.name.strip_prefix("peak memory, ") else { continue };
        match rows.iter_mut().find(|(other, _)| other == label) {
            Some((_, bars)) => bars.push((metric.subject, metric.value)),
            None => rows.push((label.to_owned(), vec![(metric.subject, metric.value)])),
        }
    }
    Plot { title: "Peak memory".to_owned(), unit: "MiB", logarithmic: false, rows }
}
