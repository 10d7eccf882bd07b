//! Everything that one run has found out.

use serde_json::{Value, json};

use super::{
    contest::{Figure, Series},
    driver::Subject,
    statistics::{Summary, ratios, sums},
};

/// What was measured and counted.
#[derive(Default)]
pub(super) struct Results {
    pub(super) figures: Vec<Figure>,
    pub(super) facts: Vec<Fact>,
    /// Why a group of scenarios did not come to its end.
    pub(super) failures: Vec<String>,
}

/// Something that was counted or weighed, once.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) who: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

impl Results {
    pub(super) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(super) fn note(
        &mut self,
        name: impl Into<String>,
        who: &'static str,
        value: usize,
        unit: &'static str,
    ) {
        let value = u32::try_from(value).map_or(f64::MAX, f64::from);
        self.facts.push(Fact { name: name.into(), who, value, unit });
    }

    /// Notes the most memory that a process has had, in MiB.
    pub(super) fn note_memory(&mut self, group: &str, who: &'static str, subject: &Subject) {
        let kib = subject.peak_memory().and_then(|bytes| u32::try_from(bytes / 1024).ok());
        let Some(kib) = kib else { return };
        let (name, value) = (format!("peak memory, {group}"), f64::from(kib) / 1024.0);
        self.facts.push(Fact { name, who, value, unit: "MiB" });
    }

    pub(super) fn figure(&self, group: &str, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.group == group && figure.name == name)
    }

    pub(super) fn series(&self, group: &str, name: &str, who: &str) -> Option<&Series> {
        self.figure(group, name)?.of(who)
    }

    pub(super) fn fact(&self, name: &str, who: &str) -> Option<f64> {
        self.facts.iter().find(|fact| fact.name == name && fact.who == who).map(|fact| fact.value)
    }

    /// The ratio of `who` to what `others` took together, pair by pair.
    pub(super) fn ratio(&self, group: &str, name: &str, who: &str, others: &[&str]) -> Option<Summary> {
        let mut together: Option<Vec<f64>> = None;
        for other in others {
            let wall = &self.series(group, name, other)?.wall;
            together = Some(together.map_or_else(|| wall.clone(), |sum| sums(&sum, wall)));
        }
        Summary::of(&ratios(&self.series(group, name, who)?.wall, &together?))
    }

    /// For programs to read.
    pub(super) fn json(&self) -> Value {
        let summary = |summary: Option<Summary>| {
            summary.map(|Summary { n, median, p99, quartiles }| {
                json!({"n": n, "median": median, "p99": p99, "quartiles": quartiles})
            })
        };
        let figures = self.figures.iter().map(|figure| {
            let series = figure.series.iter().map(|series| {
                json!({
                    "who": series.who,
                    "wall_us": summary(series.summary()),
                    "cpu_us": summary(series.cpu_summary()),
                    "of_us": summary(self.ratio(figure.group, &figure.name, series.who, &["us"])),
                })
            });
            json!({"group": figure.group, "name": figure.name, "series": series.collect::<Vec<_>>()})
        });
        let facts = self
            .facts
            .iter()
            .map(|fact| json!({"name": fact.name, "who": fact.who, "value": fact.value, "unit": fact.unit}));
        json!({"figures": figures.collect::<Vec<_>>(), "facts": facts.collect::<Vec<_>>(), "failures": self.failures})
    }
}
