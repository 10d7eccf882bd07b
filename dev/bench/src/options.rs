//! The command line.

use clap::Parser;
use stack::{Error, Result};

/// The groups of scenarios by name, in the order in which they run.
pub(crate) const GROUPS: [&str; 11] =
    ["books", "auth", "ping", "cold", "aws", "throughput", "trips", "http", "weights", "large", "builds"];

/// Measure times, sizes, round trips and costs, beside a minimal function and the Python original.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// Only these groups of scenarios: books, auth, ping, cold, aws, throughput, trips, http, weights, large, builds
    /// [default: all but builds].
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Few rounds of each scenario and no database of a million books: shows that everything works.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure the programs as they were built before.
    #[arg(long)]
    pub(crate) built: bool,
    /// Write the results to docs/PERFORMANCE.md.
    #[arg(long)]
    pub(crate) keep: bool,
    /// The memory of a function, in MB, for which the bill is calculated and whose share of a processor it gets in the
    /// group `aws`.
    #[arg(long, default_value_t = 256)]
    pub(crate) memory: u16,
}

impl Options {
    /// # Errors
    /// When a group does not exist.
    pub(crate) fn check(&self) -> Result<()> {
        match self.only.iter().find(|group| !GROUPS.contains(&group.as_str())) {
            Some(unknown) => {
                Err(Error::new(format!("there is no group `{unknown}`, but: {}", GROUPS.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// Whether the group is to be measured.
    pub(crate) fn selects(&self, group: &str) -> bool {
        if self.only.is_empty() { group != "builds" } else { self.only.iter().any(|only| only == group) }
    }
}
