//! What a deployment weighs: the program and its zip.

use std::{fs, path::Path};

use super::{Results, fixture::Fixture};
use stack::{Result, release, workspace};

/// A header that the SDK sends, and so a string that only programs with it hold.
const SDK: &[u8] = b"amz-sdk-invocation-id";

pub(super) fn run(fixture: &Fixture, results: &mut Results) -> Result<()> {
    let lambda = workspace::target()?.join("lambda");
    for function in workspace::functions()? {
        weigh(results, &function, "us", &lambda.join(&function).join("bootstrap"));
    }
    weigh(results, "floor", "floor", &fixture.floor().command[0]);
    if let Some((files, zip)) = fixture.peer_weight() {
        results.note("size of everything", "peer", files, "bytes");
        results.note("zip of everything", "peer", zip, "bytes");
    }
    Ok(())
}

fn weigh(results: &mut Results, what: &str, who: &'static str, file: &Path) {
    let program = fs::read(file).unwrap_or_default();
    if program.windows(SDK.len()).any(|bytes| bytes == SDK) {
        results.note(format!("AWS SDK in {what}"), who, 1, "");
    }
    let size = fs::metadata(file).ok().and_then(|file| usize::try_from(file.len()).ok());
    results.note(format!("size of {what}"), who, size.unwrap_or_default(), "bytes");
    // A zip adds a hundred bytes of names to this.
    if let Some(zip) = release::compressed(file) {
        results.note(format!("zip of {what}"), who, zip, "bytes");
    }
}
