//! The section about throughput, and its charts.

use std::fmt::Write as _;

use crate::plot::{Plot, short};
use crate::results::{CONCURRENCY, ENVIRONMENTS, HASHES, Results, Throughput};

/// A series with its heading, the kind of request whose time is shown, and the file of its chart.
struct Series {
    name: &'static str,
    heading: &'static str,
    watched: &'static str,
    file: &'static str,
}

const SERIES: [Series; 3] = [
    Series {
        name: ENVIRONMENTS,
        heading: "Requests in a second by the number of environments",
        watched: "cached list",
        file: "throughput.svg",
    },
    Series {
        name: CONCURRENCY,
        heading: "Requests in a second by those in flight in one environment",
        watched: "cached list",
        file: "concurrency.svg",
    },
    Series {
        name: HASHES,
        heading: "The same with a password hash in one of ten requests",
        watched: "refresh",
        file: "concurrency-with-hashes.svg",
    },
];

/// The section of the report; empty if no throughput was measured.
pub(super) fn markdown(results: &Results) -> String {
    let mut text = String::new();
    for Series { name, heading, watched, .. } in SERIES {
        let rows: Vec<_> = of(results, name).map(row).collect();
        if !rows.is_empty() {
            let _ = write!(
                text,
                "\n### {heading}\n\n\
                 | {name} | who | requests/s | {watched}: median, ms | p99, ms | failed | busy processors, theirs \
                 | all | CPU of a request, µs | to Postgres | to Redis | memory, MiB |\n\
                 |---|---|---|---|---|---|---|---|---|---|---|---|\n{}",
                rows.concat()
            );
        }
    }
    text
}

fn row(throughput: &Throughput) -> String {
    let Throughput { level, subject, rate, failures, processors, all_processors, memory, .. } = throughput;
    let latency = throughput.latency.map_or_else(
        || "– | –".to_owned(),
        |latency| format!("{} | {}", short(latency.median), short(latency.p99)),
    );
    let each = short(processors / rate * 1e6);
    let [postgres, redis] = throughput.connections;
    format!(
        "| {level} | {subject} | {rate:.0} | {latency} | {failures} | {processors:.2} | {all_processors:.2} | {each} \
         | {postgres} | {redis} | {memory} |\n"
    )
}

/// Each chart with the name of its file.
pub(super) fn plots(results: &Results) -> Vec<(&'static str, Plot)> {
    let plots = SERIES.map(|Series { name, heading, file, .. }| {
        let mut rows: Vec<(String, Vec<(&'static str, f64)>)> = Vec::new();
        for throughput in of(results, name) {
            let bar = (throughput.subject, throughput.rate);
            let label = throughput.level.to_string();
            match rows.iter_mut().find(|(other, _)| *other == label) {
                Some((_, bars)) => bars.push(bar),
                None => rows.push((label, vec![bar])),
            }
        }
        (file, Plot { title: heading.to_owned(), unit: "/s", logarithmic: false, rows })
    });
    plots.into()
}

fn of<'a>(results: &'a Results, series: &'a str) -> impl Iterator<Item = &'a Throughput> {
    results.throughputs.iter().filter(move |throughput| throughput.series == series)
}
