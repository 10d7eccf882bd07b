//! Writes the results of a run as Markdown, JSON and SVG.

mod bill;
mod plots;
mod throughput;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stack::{Context as _, Error, Result, workspace};

use crate::comparison::Comparison;
use crate::cost::PRICES;
use crate::options::GROUPS;
use crate::plot::short;
use crate::results::{Metric, Results};
use crate::targets::Target;

/// The lines in `docs/PERFORMANCE.md` between which `--keep` writes the results.
const MARKERS: [&str; 2] = ["<!-- results: begin -->\n", "<!-- results: end -->"];

/// The results of a run with everything that belongs in the report.
pub(super) struct Report<'a> {
    pub(super) results: &'a Results,
    pub(super) targets: &'a [Target],
    pub(super) machine: Value,
    /// The memory of a function for which the bill is calculated, in MB.
    pub(super) memory: f64,
}

impl Report<'_> {
    /// Writes `results.json`, `results.md` and the plots into `dir`.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let mut json = self.results.json();
        json["machine"] = self.machine.clone();
        json["targets"] = self.targets.iter().map(Target::json).collect();
        json["bill"] = json!({"memory_mb": self.memory, "prices_as_of": PRICES.as_of});
        let pretty = format!("{json:#}\n");
        let mut files = vec![("results.json", pretty), ("results.md", self.markdown())];
        files
            .extend(plots::all(self.results, self.memory).into_iter().map(|(name, plot)| (name, plot.svg())));
        for (name, text) in files {
            let file = dir.join(name);
            fs::write(&file, text).context(format!("write {}", file.display()))?;
        }
        Ok(())
    }

    /// Writes the results to `docs/PERFORMANCE.md`.
    pub(super) fn write_to_docs(&self) -> Result<()> {
        let file = workspace::root()?.join("docs/PERFORMANCE.md");
        let text = fs::read_to_string(&file).context(format!("read {}", file.display()))?;
        let renewed = replace_between_markers(&text, &self.markdown());
        let renewed = renewed.ok_or_else(|| Error::new("docs/PERFORMANCE.md has no markers"))?;
        fs::write(&file, renewed).context(format!("write {}", file.display()))
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = self.heading();
        if !self.targets.is_empty() {
            text.push_str("\n### Targets\n\n| work | target | measured | met |\n|---|---|---|---|\n");
        }
        for Target { work, target, measured, met } in self.targets {
            let met = if *met { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {work} | {target} | {} | {met} |", short(*measured));
        }
        for group in GROUPS {
            let comparisons = self.results.comparisons.iter().filter(|comparison| comparison.group == group);
            let rows: String = comparisons.map(|comparison| self.rows(comparison)).collect();
            if !rows.is_empty() {
                let notes = self.results.notes.iter().filter(|(of, _)| *of == group);
                let notes: Vec<_> = notes.flat_map(|(_, note)| [note.as_str(), "\n\n"]).collect();
                let _ = write!(
                    text,
                    "\n### Times: {group}\n\n{}\
                     | scenario | who | n | median, µs | half of all between | p99 | CPU, µs | × us |\n\
                     |---|---|---|---|---|---|---|---|\n{rows}",
                    notes.concat()
                );
            }
        }
        text.push_str(&throughput::markdown(self.results));
        text.push_str(&self.metrics());
        text.push_str(&bill::markdown(self.results, self.memory));
        text
    }

    fn heading(&self) -> String {
        let of = |name: &str| match &self.machine[name] {
            Value::String(text) => text.clone(),
            Value::Null => "?".to_owned(),
            other => other.to_string(),
        };
        let changed = if self.machine["changed_since_the_commit"] == true { ", with changes" } else { "" };
        format!(
            "{}, commit {}{changed}; {} × {}, {}, {}; {}; {}; load before: {}.\n",
            of("date"),
            of("commit"),
            of("cores"),
            of("processor"),
            of("memory"),
            of("kernel"),
            of("rustc"),
            of("python"),
            of("load_before"),
        )
    }

    fn rows(&self, comparison: &Comparison) -> String {
        let rows = comparison.series.iter().filter_map(|series| {
            let summary = series.summary()?;
            let [from, to] = summary.quartiles.map(short);
            let cpu = series.cpu_summary().map_or_else(|| "–".to_owned(), |cpu| short(cpu.median));
            let ratio = self.results.ratio(comparison.group, &comparison.name, series.subject, &["us"]);
            let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| short(ratio.median));
            Some(format!(
                "| {} | {} | {} | {} | {from} … {to} | {} | {cpu} | {ratio} |\n",
                comparison.name,
                series.subject,
                summary.n,
                short(summary.median),
                short(summary.p99)
            ))
        });
        rows.collect()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        if !self.results.metrics.is_empty() {
            text.push_str("\n### Counted and weighed\n\n| what | who | |\n|---|---|---|\n");
        }
        for Metric { name, subject, value, unit } in &self.results.metrics {
            let value = if value.fract() == 0.0 { value.to_string() } else { short(*value) };
            let _ = writeln!(text, "| {name} | {subject} | {value} {unit} |");
        }
        text
    }
}

/// `text` with `new` between the markers; `None` if it has no markers.
fn replace_between_markers(text: &str, new: &str) -> Option<String> {
    let [begin, end] = MARKERS;
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{new}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Series;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let [begin, end] = MARKERS;
        let text = format!("before\n{begin}old\n{end}\nafter\n");
        let renewed = replace_between_markers(&text, "new").unwrap();
        assert_eq!(renewed, format!("before\n{begin}\nnew\n{end}\nafter\n"));
        assert_eq!(replace_between_markers(&renewed, "new").unwrap(), renewed);
        assert_eq!(replace_between_markers("no markers", "new"), None);
    }

    #[test]
    fn the_report_of_a_partial_run_has_no_empty_sections() {
        let mut results = Results::default();
        let series = |subject, wall| Series { subject, wall: vec![wall], cpu: vec![wall / 2.0] };
        let both = vec![series("us", 250.0), series("peer", 1000.0)];
        results.add(Comparison { group: "books", name: "item".into(), series: both });
        let report = Report { results: &results, targets: &[], machine: json!({}), memory: 256.0 };
        let text = report.markdown();
        assert!(text.contains("| item | peer | 1 | 1000 | 1000 … 1000 | 1000 | 500 | 4.00 |"), "{text}");
        assert!(!text.contains("Targets") && !text.contains("Times: cold"), "{text}");
    }
}
