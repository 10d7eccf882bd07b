//! Measures the sizes of the deployed programs and of their zips.

use std::fs;
use std::path::Path;

use stack::{Result, release, workspace};

use crate::fixture::Fixture;
use crate::results::Results;

/// The name of a header that the AWS SDK sends. Only programs that contain the SDK contain this text.
const SDK: &[u8] = b"amz-sdk-invocation-id";

pub(super) fn run(fixture: &Fixture, results: &mut Results) -> Result<()> {
    let lambda = workspace::target()?.join("lambda");
    for function in workspace::functions()? {
        measure(results, &function, "us", &lambda.join(&function).join("bootstrap"));
    }
    measure(results, "floor", "floor", &fixture.floor().command[0]);
    if let Some((files, zip)) = fixture.peer_size() {
        results.add_metric("size of everything", "peer", files, "bytes");
        results.add_metric("zip of everything", "peer", zip, "bytes");
    }
    Ok(())
}

fn measure(results: &mut Results, name: &str, subject: &'static str, file: &Path) {
    let program = fs::read(file).unwrap_or_default();
    if program.windows(SDK.len()).any(|bytes| bytes == SDK) {
        results.add_metric(format!("AWS SDK in {name}"), subject, 1, "");
    }
    let size = fs::metadata(file).ok().and_then(|file| usize::try_from(file.len()).ok());
    results.add_metric(format!("size of {name}"), subject, size.unwrap_or_default(), "bytes");
    // A zip is about a hundred bytes larger, for the names of its files.
    if let Some(zip) = release::compressed(file) {
        results.add_metric(format!("zip of {name}"), subject, zip, "bytes");
    }
}
