//! `cargo xtask openapi`: generates `openapi.json` from the attributes on the handlers.

use std::fs;
use std::process::ExitCode;

fn main() -> ExitCode {
    let written = stack::workspace::root()
        .map(|root| fs::write(root.join("openapi.json"), testkit::openapi::openapi_json()));
    match written {
        Ok(Ok(())) => ExitCode::SUCCESS,
        other => {
            eprintln!("error: cannot write openapi.json: {other:?}");
            ExitCode::FAILURE
        }
    }
}
