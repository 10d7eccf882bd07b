//! Measures how long the functions take to build: from nothing, and after a change in one of them or in `shared`.

use std::fs::{self, File};
use std::time::{Instant, SystemTime};

use stack::workspace::{self, cargo, execute};
use stack::{Context as _, Result};

use crate::fixture::Fixture;
use crate::results::{Metric, Results};

/// Builds in a folder of its own, so that nothing is built already.
pub(super) async fn run(fixture: &Fixture, results: &mut Results) -> Result<()> {
    let (root, target) = (workspace::root()?, fixture.dir.join("build"));
    for (profile, flag) in [("development", None), ("release", Some("--release"))] {
        let _ = fs::remove_dir_all(&target);
        for (what, touched) in [
            ("from nothing", None),
            ("after a change in books", Some("functions/books/src/lib.rs")),
            ("after a change in shared", Some("shared/src/lib.rs")),
        ] {
            if let Some(file) = touched.map(|file| root.join(file)) {
                let opened =
                    File::options().append(true).open(&file).context(format!("open {}", file.display()))?;
                opened.set_modified(SystemTime::now()).context(format!("touch {}", file.display()))?;
            }
            let build = cargo(["build", "--quiet"])?.args(flag).env("CARGO_TARGET_DIR", &target);
            let began = Instant::now();
            execute(&build).await?;
            let value = began.elapsed().as_secs_f64();
            let name = format!("{profile} build {what}");
            results.metrics.push(Metric { name, subject: "us", value, unit: "s" });
        }
    }
    let _ = fs::remove_dir_all(&target);
    Ok(())
}
