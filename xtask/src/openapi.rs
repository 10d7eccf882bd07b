//! `cargo xtask openapi`: writes the API's description anew.

use std::fs;

use crate::{Result, error::Context, workspace};

/// Writes `openapi.json` from the attributes on the handlers.
pub fn run() -> Result<()> {
    let file = workspace::root()?.join("openapi.json");
    fs::write(&file, bundle::openapi_json()).context(format!("write {}", file.display()))
}
