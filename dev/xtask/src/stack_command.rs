//! `cargo xtask stack`: the servers alone, for functions and tests that are started by hand.

use stack::stack::{Lifetime, Stack};
use stack::{Result, signals};

/// Keeps a stack until Ctrl-C.
pub(crate) async fn run(fresh: bool) -> Result<()> {
    let lifetime = if fresh { Lifetime::Reset } else { Lifetime::Kept };
    let mut stack = signals::unless_interrupted(start(lifetime)).await?;
    println!("Variables: set -a; . {}", stack.env_file().display());
    println!("Ctrl-C ends everything and keeps the data.");
    let outcome = tokio::select! {
        outcome = stack.keep_running() => outcome,
        asked = signals::interrupted() => asked,
    };
    println!("\nStopping …");
    stack.stop().await;
    outcome
}

async fn start(lifetime: Lifetime) -> Result<Stack> {
    let mut stack = Stack::start("stack", lifetime).await?;
    stack.seed().await?;
    Ok(stack)
}
