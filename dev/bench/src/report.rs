//! What one run is told in: Markdown for users, JSON for programs, SVG for both.

mod bill;

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

use super::{
    contest::Figure,
    plot::{Plot, short},
    results::Results,
    scenarios::GROUPS,
    targets::Target,
};
use stack::{Context as _, Error, Result, workspace};

/// Between these two lines `docs/PERFORMANCE.md` keeps the last run that somebody wanted to keep.
const MARKS: [&str; 2] = ["<!-- results: begin -->\n", "<!-- results: end -->"];

/// One run and everything that is said about it.
pub(super) struct Report<'a> {
    pub(super) results: &'a Results,
    pub(super) targets: &'a [Target],
    pub(super) machine: Value,
    /// The memory of a function in the bill, in MB.
    pub(super) memory: f64,
}

impl Report<'_> {
    /// Writes `results.json`, `results.md` and the plots into `dir`.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let mut json = self.results.json();
        json["machine"] = self.machine.clone();
        json["targets"] = self.targets.iter().map(Target::json).collect();
        json["bill"] = json!({"memory_mb": self.memory, "prices_as_of": super::cost::PRICES.as_of});
        let pretty = format!("{json:#}\n");
        let mut files = vec![("results.json", pretty), ("results.md", self.markdown())];
        files.extend(self.plots().into_iter().map(|(name, plot)| (name, plot.svg())));
        for (name, text) in files {
            let file = dir.join(name);
            fs::write(&file, text).context(format!("write {}", file.display()))?;
        }
        Ok(())
    }

    /// Puts this run into `docs/PERFORMANCE.md`.
    pub(super) fn keep(&self) -> Result<()> {
        let file = workspace::root()?.join("docs/PERFORMANCE.md");
        let text = fs::read_to_string(&file).context(format!("read {}", file.display()))?;
        let renewed = between(&text, &self.markdown());
        let renewed = renewed.ok_or_else(|| Error::new("docs/PERFORMANCE.md has lost its marks"))?;
        fs::write(&file, renewed).context(format!("write {}", file.display()))
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = self.heading();
        if !self.targets.is_empty() {
            text.push_str("\n### Targets\n\n| work | target | measured | met |\n|---|---|---|---|\n");
        }
        for Target { work, promise, measured, met } in self.targets {
            let met = if *met { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {work} | {promise} | {} | {met} |", short(*measured));
        }
        for group in GROUPS {
            let figures = self.results.figures.iter().filter(|figure| figure.group == group);
            let rows: String = figures.map(|figure| self.rows(figure)).collect();
            if !rows.is_empty() {
                let _ = write!(
                    text,
                    "\n### Times: {group}\n\n| scenario | who | n | median, µs | half of all between | p99 | CPU, µs | × us |\n\
                     |---|---|---|---|---|---|---|---|\n{rows}"
                );
            }
        }
        text.push_str(&self.facts());
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

    fn rows(&self, figure: &Figure) -> String {
        let rows = figure.series.iter().filter_map(|series| {
            let summary = series.summary()?;
            let [from, to] = summary.quartiles.map(short);
            let cpu = series.cpu_summary().map_or_else(|| "–".to_owned(), |cpu| short(cpu.median));
            let ratio = self.results.ratio(figure.group, &figure.name, series.who, &["us"]);
            let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| short(ratio.median));
            Some(format!(
                "| {} | {} | {} | {} | {from} … {to} | {} | {cpu} | {ratio} |\n",
                figure.name,
                series.who,
                summary.n,
                short(summary.median),
                short(summary.p99)
            ))
        });
        rows.collect()
    }

    fn facts(&self) -> String {
        let mut text = String::new();
        if !self.results.facts.is_empty() {
            text.push_str("\n### Counted and weighed\n\n| what | who | |\n|---|---|---|\n");
        }
        for fact in &self.results.facts {
            let value = if fact.value.fract() == 0.0 { fact.value.to_string() } else { short(fact.value) };
            let _ = writeln!(text, "| {} | {} | {value} {} |", fact.name, fact.who, fact.unit);
        }
        text
    }

    fn plots(&self) -> Vec<(&'static str, Plot)> {
        let times = |title: &str, groups: &[&str], unit, scale: f64| {
            let figures = self.results.figures.iter().filter(|figure| groups.contains(&figure.group));
            let rows = figures.filter(|figure| figure.of("us").is_some()).map(|figure| {
                let bars = ["floor", "us", "peer"]
                    .into_iter()
                    .filter_map(|who| Some((who, figure.of(who)?.summary()?.median / scale)));
                (figure.name.clone(), bars.collect())
            });
            Plot { title: title.to_owned(), unit, logarithmic: true, rows: rows.collect() }
        };
        let mut memory: Vec<(String, Vec<(&'static str, f64)>)> = Vec::new();
        for fact in self.results.facts.iter().filter(|fact| fact.name.starts_with("peak memory, ")) {
            let label = fact.name.trim_start_matches("peak memory, ");
            match memory.iter_mut().find(|(other, _)| other == label) {
                Some((_, bars)) => bars.push((fact.who, fact.value)),
                None => memory.push((label.to_owned(), vec![(fact.who, fact.value)])),
            }
        }
        let memory = Plot { title: "Peak memory".to_owned(), unit: "MiB", logarithmic: false, rows: memory };
        let all = [
            ("cold.svg", times("From the start of a process to its first answer", &["cold"], "ms", 1000.0)),
            ("latency.svg", times("One request, warm, median", &["books", "auth", "ping"], "µs", 1.0)),
            ("large.svg", times("Uncached lists as they grow, median", &["large"], "ms", 1000.0)),
            ("memory.svg", memory),
            ("cost.svg", bill::plot(self.results, self.memory)),
        ];
        all.into_iter().filter(|(_, plot)| !plot.rows.is_empty()).collect()
    }
}

/// `text` with what stands between the marks replaced.
fn between(text: &str, new: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{new}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::Series;

    #[test]
    fn only_what_is_between_the_marks_is_renewed() {
        let [begin, end] = MARKS;
        let text = format!("before\n{begin}old\n{end}\nafter\n");
        let renewed = between(&text, "new").unwrap();
        assert_eq!(renewed, format!("before\n{begin}\nnew\n{end}\nafter\n"));
        assert_eq!(between(&renewed, "new").unwrap(), renewed);
        assert_eq!(between("no marks", "new"), None);
    }

    #[test]
    fn a_partial_run_is_told_without_what_it_did_not_measure() {
        let mut results = Results::default();
        let series = |who, wall| Series { who, wall: vec![wall], cpu: vec![wall / 2.0] };
        let both = vec![series("us", 250.0), series("peer", 1000.0)];
        results.add(Figure { group: "books", name: "item".into(), series: both });
        let report = Report { results: &results, targets: &[], machine: json!({}), memory: 256.0 };
        let text = report.markdown();
        assert!(text.contains("| item | peer | 1 | 1000 | 1000 … 1000 | 1000 | 500 | 4.00 |"), "{text}");
        assert!(!text.contains("Targets") && !text.contains("Times: cold"), "{text}");
    }
}
