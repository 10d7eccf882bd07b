//! What a deployment weighs: the program and its zip.

use std::{fs, path::Path};

use super::{Results, ground::Ground};
use crate::{
    Result, bootstraps,
    workspace::{self, FUNCTIONS},
};

/// A header that the SDK sends, and so a string that only programs with it hold.
const SDK: &[u8] = b"amz-sdk-invocation-id";

pub(super) fn run(ground: &Ground, results: &mut Results) -> Result<()> {
    let lambda = workspace::target()?.join("lambda");
    for function in FUNCTIONS {
        weigh(results, function, "us", &lambda.join(function).join("bootstrap"));
    }
    weigh(results, "floor", "floor", &ground.floor().command[0]);
    if let Some((files, zip)) = ground.peer_weight() {
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
    if let Some(zip) = bootstraps::compressed(file) {
        results.note(format!("zip of {what}"), who, zip, "bytes");
    }
}
