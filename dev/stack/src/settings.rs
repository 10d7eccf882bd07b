//! The environment variables. Nothing else in this crate reads them.

#![expect(
    clippy::disallowed_methods,
    reason = "the one module of this crate that may read them, as `shared::config` in the functions"
)]

use std::{env, ffi::OsString, path::PathBuf};

/// A variable that is set and not empty.
#[must_use]
pub fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The cargo that runs us, so that nested calls use the same toolchain.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The names of the variables in which `cargo run` and `cargo test` describe the package that they run.
///
/// Programs that we start do not get them: build scripts watch some (ring's does), so that handing them on would
/// rebuild dependencies whenever a person and xtask call cargo in turn.
pub(crate) fn about_this_crate() -> Vec<OsString> {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    let ours = |name: &OsString| PREFIXES.iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
    env::vars_os().map(|(name, _)| name).filter(ours).collect()
}
