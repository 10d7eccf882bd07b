//! `cargo xtask acceptance URL`: looks at an API from outside and reports whether it does what it promises.
//!
//! A run sends some two hundred requests from one network, as a person with accounts of their own would, and changes
//! nothing that belongs to others. `checks` are listed in their order; the library has what they are written with. What
//! only AWS can show is checked with `--aws`.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

mod checks;

use std::fs;
use std::process::ExitCode;

use acceptance::options::Options;
use acceptance::report::Report;
use acceptance::run::Run;
use clap::Parser as _;
use stack::{Context as _, Error, Result, signals, workspace};

#[tokio::main]
async fn main() -> ExitCode {
    match accept(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs all checks and reports them.
async fn accept(options: &Options) -> Result<()> {
    options.check()?;
    let report = signals::unless_interrupted(checked(options)).await?;
    let file = match &options.report {
        Some(file) => file.clone(),
        None => workspace::target()?.join("acceptance/report.md"),
    };
    let dir = file.parent().unwrap_or(&file);
    fs::create_dir_all(dir).context(format!("create {}", dir.display()))?;
    fs::write(&file, report.markdown()).context(format!("write {}", file.display()))?;
    println!("\n{}\n{}", report.summary(), file.display());
    match report.failed() {
        0 => Ok(()),
        failed => Err(Error::new(format!("{failed} checks failed, see the report"))),
    }
}

async fn checked(options: &Options) -> Result<Report> {
    let run = Run::new(options)?;
    let mut report = Report::new(options.url.as_str());
    checks::all(&run, &mut report).await;
    Ok(report)
}
