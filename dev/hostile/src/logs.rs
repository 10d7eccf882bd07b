//! What the functions' logs say: panics, errors, and the metrics that alarms watch.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pool::Pool;

/// What was found in the logs of some environments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) panics: usize,
    /// Metrics by name: the fallbacks among them.
    pub(crate) metrics: BTreeMap<String, u64>,
    /// Guesses at passwords by outcome: `locked` ones cost no hash.
    pub(crate) guesses: BTreeMap<String, usize>,
    /// Warnings and errors by their text.
    pub(crate) complaints: BTreeMap<String, usize>,
}

impl Findings {
    /// Reads the logs of all environments.
    pub(crate) fn read<'a>(pools: impl IntoIterator<Item = &'a Pool>) -> Self {
        let mut found = Self::default();
        for pool in pools {
            pool.log().lines().for_each(|line| found.read_line(pool.function(), line));
        }
        found
    }

    /// The count of a metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.metrics.get(name).copied().unwrap_or_default()
    }

    fn read_line(&mut self, function: &str, line: &str) {
        if line.contains("panicked") {
            self.panics += 1;
        }
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        for definition in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().into_iter().flatten() {
            let name = definition["Name"].as_str().unwrap_or_default();
            *self.metrics.entry(name.to_owned()).or_default() += line[name].as_u64().unwrap_or_default();
        }
        if let (Some("login" | "password"), Some(outcome)) =
            (line["event"].as_str(), line["outcome"].as_str())
        {
            *self.guesses.entry(outcome.to_owned()).or_default() += 1;
        }
        if let Some("WARN" | "ERROR") = line["level"].as_str() {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            let cause = [text("error"), text("cause")].join("");
            let complaint = format!("{function}: {} {}: {cause}", text("level"), text("message"));
            *self.complaints.entry(complaint).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_metrics_guesses_and_complaints_are_counted() {
        let mut found = Findings::default();
        for line in [
            r#"{"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"Lockouts"}]}]},"Lockouts":2}"#,
            r#"{"level":"INFO","event":"login","outcome":"locked"}"#,
            r#"{"level":"WARN","message":"admitted uncounted","error":"redis"}"#,
            "thread 'main' panicked at src/main.rs:1:1",
        ] {
            found.read_line("books", line);
        }
        assert_eq!((found.panics, found.metric("Lockouts"), found.guesses["locked"]), (1, 2, 1));
        assert_eq!(found.complaints["books: WARN admitted uncounted: redis"], 1);
    }
}
