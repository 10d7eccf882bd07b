//! `cargo xtask check`: what CI runs, in the order in which it fails fastest.

use stack::tools::Tools;
use stack::workspace::{self, cargo, execute};
use stack::{Result, signals};

use crate::test;

/// Runs every check and stops at the first that fails.
pub(crate) async fn run() -> Result<()> {
    signals::unless_interrupted(without_servers()).await?;
    test::run(&test::Options::default()).await?;
    println!("All checks passed.");
    Ok(())
}

async fn without_servers() -> Result<()> {
    execute(&cargo(["fmt", "--all", "--check"])?).await?;
    execute(&cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?).await?;
    let doc = cargo(["doc", "--workspace", "--no-deps", "--document-private-items"])?;
    execute(&doc.env("RUSTDOCFLAGS", "-D warnings")).await?;
    let deny = Tools::new()?.cargo_deny().await?.spec("cargo-deny");
    execute(&deny.args(["check", "bans", "licenses", "sources"]).dir(workspace::root()?)).await
}
