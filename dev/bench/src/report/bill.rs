//! The section about costs: what the measured requests would cost on Lambda.

use std::fmt::Write as _;

use crate::cost::{PRICES, Work, gigabyte_seconds};
use crate::plot::{Plot, short};
use crate::results::Results;

/// The mix of requests of an average month: the label, the group, the scenario and the share.
const MIX: [(&str, &str, &str, f64); 5] = [
    ("cached list", "books", "cached list", 0.70),
    ("uncached list", "books", "uncached list", 0.10),
    ("item", "books", "item", 0.15),
    ("create", "books", "create", 0.04),
    ("refresh", "auth", "refresh", 0.01),
];

/// The rates, in requests per second, for which the number of environments is calculated.
const RATES: [f64; 4] = [10.0, 100.0, 1000.0, 10_000.0];

/// Memory sizes in MB.
const MEMORY: [f64; 5] = [128.0, 256.0, 512.0, 1024.0, 1769.0];

/// Millions of requests a month.
const TRAFFIC: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];

/// The time and CPU time of one request to `subject`; `None` unless both were measured.
fn work(results: &Results, group: &str, name: &str, subject: &str) -> Option<Work> {
    let series = results.series(group, name, subject)?;
    Some(Work { wall: series.summary()?.median, cpu: series.cpu_summary()?.median })
}

/// The scenarios that read the first page uncached, one for each number of books.
fn first_pages(results: &Results) -> Vec<String> {
    let large = results.comparisons.iter().filter(|comparison| comparison.group == "large");
    let names = large.map(|comparison| comparison.name.clone());
    names.filter(|name| name.starts_with("first page of ")).collect()
}

/// The cost of a million requests of the mix in dollars.
fn mixed(results: &Results, subject: &str, memory: f64) -> Option<f64> {
    let parts = MIX.iter().map(|(_, group, name, share)| {
        Some(share * work(results, group, name, subject)?.dollars_per_million(memory))
    });
    parts.sum()
}

/// The section of the report; empty if no request was measured for both sides.
pub(super) fn markdown(results: &Results, memory: f64) -> String {
    let mut rows = String::new();
    let lists = first_pages(results);
    let mix = MIX.iter().map(|(label, group, name, _)| (*label, *group, *name));
    let others = [("login", "auth", "login"), ("ping", "ping", "ping, admitted")];
    let large = lists.iter().map(|name| (name.as_str(), "large", name.as_str()));
    for (label, group, name) in mix.chain(others).chain(large) {
        let both = work(results, group, name, "us").zip(work(results, group, name, "peer"));
        let Some((us, peer)) = both else { continue };
        let [ours, theirs] = [us, peer].map(|work| work.dollars_per_million(memory));
        let _ = writeln!(
            rows,
            "| {label} | {} | {} | {} | {} | {} |",
            short(us.duration(memory)),
            short(peer.duration(memory)),
            dollars(ours),
            dollars(theirs),
            short(theirs / ours)
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n### The bill\n\nLambda alone, {}, list prices of {}: ${:.10} for a GB-second, ${:.2} for a million \
         invocations; {memory} MB, which come with {:.0} % of a processor.\n\n\
         | a million of | us, ms | peer, ms | us | peer | peer / us |\n|---|---|---|---|---|---|\n{rows}",
        PRICES.region,
        PRICES.as_of,
        PRICES.gb_second,
        PRICES.million_invocations,
        memory / 17.69
    );
    text.push_str(&starts(results, memory));
    text.push_str(&by_memory(results));
    text.push_str(&by_traffic(results, memory));
    text.push_str(&environments(results, memory));
    text
}

/// The cost of cold starts. Lambda gives a function a whole processor while it starts, so the measured time counts.
fn starts(results: &Results, memory: f64) -> String {
    let start = |subject| {
        let wall = results.series("cold", "cached list", subject)?.summary()?.median;
        Some(1e6 * gigabyte_seconds((wall / 1000.0).ceil(), memory) * PRICES.gb_second)
    };
    let both = start("us").zip(start("peer"));
    both.map_or_else(String::new, |(us, peer)| {
        format!(
            "\nA million cold starts, with the first answer, on top of that: {} for us, {} for the peer.\n",
            dollars(us),
            dollars(peer)
        )
    })
}

fn by_memory(results: &Results) -> String {
    let mut rows = String::new();
    for memory in MEMORY {
        if let Some((us, peer)) = mixed(results, "us", memory).zip(mixed(results, "peer", memory)) {
            let _ =
                writeln!(rows, "| {memory} | {} | {} | {} |", dollars(us), dollars(peer), short(peer / us));
        }
    }
    if rows.is_empty() {
        return rows;
    }
    let mix = MIX.map(|(label, _, _, share)| format!("{:.0} % {label}", share * 100.0)).join(", ");
    format!(
        "\nA million requests of a mix ({mix}):\n\n| MB | us | peer | peer / us |\n|---|---|---|---|\n{rows}"
    )
}

fn by_traffic(results: &Results, memory: f64) -> String {
    let both = mixed(results, "us", memory).zip(mixed(results, "peer", memory));
    let Some((us, peer)) = both else { return String::new() };
    let rows = TRAFFIC.map(|millions| {
        format!("| {millions} | {} | {} |\n", dollars(us * millions), dollars(peer * millions))
    });
    format!(
        "\nA month of that mix, by millions of requests:\n\n| millions | us | peer |\n|---|---|---|\n{}",
        rows.concat()
    )
}

/// The number of busy environments. Each has one connection to Postgres after its first query.
fn environments(results: &Results, memory: f64) -> String {
    let mut rows = String::new();
    let lists = first_pages(results);
    let uncached = ("uncached list", "books", "uncached list");
    let grown = lists.last().map(|name| (name.as_str(), "large", name.as_str()));
    for (label, group, name) in
        [Some(("cached list", "books", "cached list")), Some(uncached), grown].into_iter().flatten()
    {
        for subject in ["us", "peer"] {
            let Some(work) = work(results, group, name, subject) else { continue };
            let cells =
                RATES.map(|rate| format!("{:.0} |", work.environments(memory, rate).ceil())).join(" ");
            let _ = writeln!(rows, "| {label} | {subject} | {cells}");
        }
    }
    let head = RATES.map(|rate| format!(" {rate}/s |")).concat();
    format!(
        "\nEnvironments that are busy at so many requests a second, on average, and so the connections that Postgres \
         must hold (100 unless its `max_connections` is raised):\n\n| | who |{head}\n|---|---|---|---|---|---|\n{rows}"
    )
}

/// The chart of costs by scenario and by memory.
pub(super) fn plot(results: &Results, memory: f64) -> Plot {
    let sides = |of: &dyn Fn(&str) -> Option<f64>| -> Vec<(&'static str, f64)> {
        ["us", "peer"].into_iter().filter_map(|subject| Some((subject, of(subject)?))).collect()
    };
    let scenarios = MIX.iter().map(|(label, group, name, _)| {
        let of = |subject: &str| Some(work(results, group, name, subject)?.dollars_per_million(memory));
        (format!("{label}, {memory} MB"), sides(&of))
    });
    let mixes = MEMORY.iter().map(|memory| {
        let of = |subject: &str| mixed(results, subject, *memory);
        (format!("the mix, {memory} MB"), sides(&of))
    });
    let rows = scenarios.chain(mixes).filter(|(_, bars)| !bars.is_empty()).collect();
    Plot { title: "Dollars for a million requests".to_owned(), unit: "$", logarithmic: false, rows }
}

fn dollars(value: f64) -> String {
    format!("${value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_the_mix_add_up_to_one() {
        let whole: f64 = MIX.iter().map(|(_, _, _, share)| share).sum();
        assert!((whole - 1.0).abs() < 1e-9);
    }
}
