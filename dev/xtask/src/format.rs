//! The format of the sources, for commands that take entries out of lists or add some.

use stack::workspace::{cargo, execute};
use stack::{Result, signals};

/// Gives every entry of a list a line of its own, although several would fit.
pub(crate) async fn spread_lists() -> Result<()> {
    run(&["fmt", "--all", "--", "--config", "array_width=0,short_array_element_width_threshold=0"]).await
}

/// Formats the sources as they are committed.
pub(crate) async fn all() -> Result<()> {
    run(&["fmt", "--all"]).await
}

async fn run(command: &[&str]) -> Result<()> {
    signals::unless_interrupted(execute(&cargo(command)?)).await
}
