//! `cargo xtask stack`: the servers alone, for functions and tests that are started by hand.

use stack::stack::{Persistence, Stack};
use stack::{Result, signals};

/// Keeps a stack until Ctrl-C.
pub(crate) async fn run(fresh: bool) -> Result<()> {
    let persistence = if fresh { Persistence::Reset } else { Persistence::Persistent };
    let mut stack = signals::unless_interrupted(start(persistence)).await?;
    println!("Variables: set -a; . {}", stack.env_file().display());
    println!("Ctrl-C ends everything and keeps the data.");
    let outcome = tokio::select! {
        outcome = stack.supervise() => outcome,
        asked = signals::interrupted() => asked,
    };
    println!("\nStopping …");
    stack.stop().await;
    outcome
}

async fn start(persistence: Persistence) -> Result<Stack> {
    let mut stack = Stack::start("stack", persistence).await?;
    stack.seed().await?;
    Ok(stack)
}
