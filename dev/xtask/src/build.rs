//! `cargo xtask build`: the deployed binaries, at `target/lambda/<function>/bootstrap`.

use std::fs;

use stack::release::{build, compressed};
use stack::{Context as _, Result, signals, workspace};

/// Builds every function for release and prints the sizes.
pub(crate) async fn run() -> Result<()> {
    let functions = workspace::functions()?;
    signals::unless_interrupted(build(&functions)).await?;
    let lambda = workspace::target()?.join("lambda");
    println!("{:<12} {:>12} {:>12}  file", "function", "bytes", "gzip -6");
    for function in functions {
        let bootstrap = lambda.join(&function).join("bootstrap");
        let size = fs::metadata(&bootstrap).context(format!("find {}", bootstrap.display()))?.len();
        let zip = compressed(&bootstrap).map_or_else(|| "-".into(), |bytes| bytes.to_string());
        println!("{function:<12} {size:>12} {zip:>12}  {}", bootstrap.display());
    }
    Ok(())
}
