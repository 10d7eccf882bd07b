//! What the measured work would cost on Lambda, for us and for the peer.

use std::fmt::Write as _;

use crate::{
    cost::{PRICES, Work, gigabyte_seconds},
    plot::{Plot, short},
    results::Results,
};

/// What is billed: its name, its group and scenario, and its share in a mixed month.
const MIX: [(&str, &str, &str, f64); 5] = [
    ("cached list", "books", "cached list", 0.70),
    ("uncached list", "books", "uncached list", 0.10),
    ("item", "books", "item", 0.15),
    ("create", "books", "create", 0.04),
    ("refresh", "auth", "refresh", 0.01),
];

/// Requests a second at which environments are counted.
const RATES: [f64; 4] = [10.0, 100.0, 1000.0, 10_000.0];

/// Memory sizes in MB.
const MEMORY: [f64; 5] = [128.0, 256.0, 512.0, 1024.0, 1769.0];

/// Millions of requests a month.
const TRAFFIC: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];

/// What one request of `who` is, where wall and processor were both measured.
fn work(results: &Results, group: &str, name: &str, who: &str) -> Option<Work> {
    let series = results.series(group, name, who)?;
    Some(Work { wall: series.summary()?.median, cpu: series.cpu_summary()?.median })
}

/// For each size of the table of books, uncached.
fn sizes(results: &Results) -> Vec<String> {
    let figures = results.figures.iter().filter(|figure| figure.group == "large");
    figures
        .filter(|figure| figure.name.starts_with("first page of "))
        .map(|figure| figure.name.clone())
        .collect()
}

/// Dollars for a million requests of the mix.
fn mixed(results: &Results, who: &str, memory: f64) -> Option<f64> {
    let parts = MIX.iter().map(|(_, group, name, share)| {
        Some(share * work(results, group, name, who)?.dollars_per_million(memory))
    });
    parts.sum()
}

/// The section of the report; empty where nothing that is billed was measured.
pub(super) fn markdown(results: &Results, memory: f64) -> String {
    let mut rows = String::new();
    let lists = sizes(results);
    let named = MIX.iter().map(|(label, group, name, _)| (*label, *group, *name));
    let logins = [("login", "auth", "login"), ("ping", "ping", "ping, admitted")];
    let large = lists.iter().map(|name| (name.as_str(), "large", name.as_str()));
    for (label, group, name) in named.chain(logins).chain(large) {
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
        "\n### The bill\n\nLambda alone, {}, list prices of {}: ${:.10} for a GB-second, ${:.2} for a million invocations; \
         {memory} MB, which come with {:.0} % of a processor.\n\n\
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

/// Starts come on top. Lambda gives a function a whole processor while it starts, so nothing is stretched.
fn starts(results: &Results, memory: f64) -> String {
    let start = |who| {
        let wall = results.series("cold", "cached list", who)?.summary()?.median;
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

/// Each environment keeps one connection to Postgres once it has asked it anything, whatever it does.
fn environments(results: &Results, memory: f64) -> String {
    let mut rows = String::new();
    let lists = sizes(results);
    let uncached = ("uncached list", "books", "uncached list");
    let grown = lists.last().map(|name| (name.as_str(), "large", name.as_str()));
    for (label, group, name) in
        [Some(("cached list", "books", "cached list")), Some(uncached), grown].into_iter().flatten()
    {
        for who in ["us", "peer"] {
            let Some(work) = work(results, group, name, who) else { continue };
            let cells =
                RATES.map(|rate| format!("{:.0} |", work.environments(memory, rate).ceil())).join(" ");
            let _ = writeln!(rows, "| {label} | {who} | {cells}");
        }
    }
    let head = RATES.map(|rate| format!(" {rate}/s |")).concat();
    format!(
        "\nEnvironments that are busy at so many requests a second, on average, and so the connections that Postgres \
         must hold (100 unless its `max_connections` is raised):\n\n| | who |{head}\n|---|---|---|---|---|---|\n{rows}"
    )
}

/// Cost by scenario and by memory.
pub(super) fn plot(results: &Results, memory: f64) -> Plot {
    let sides = |of: &dyn Fn(&str) -> Option<f64>| -> Vec<(&'static str, f64)> {
        ["us", "peer"].into_iter().filter_map(|who| Some((who, of(who)?))).collect()
    };
    let scenarios = MIX.iter().map(|(label, group, name, _)| {
        let of = |who: &str| Some(work(results, group, name, who)?.dollars_per_million(memory));
        (format!("{label}, {memory} MB"), sides(&of))
    });
    let mixes = MEMORY.iter().map(|memory| {
        let of = |who: &str| mixed(results, who, *memory);
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
    fn the_shares_of_the_mix_are_a_whole() {
        let whole: f64 = MIX.iter().map(|(_, _, _, share)| share).sum();
        assert!((whole - 1.0).abs() < 1e-9);
    }
}
