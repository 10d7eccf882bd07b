//! The only place in this crate that reads the environment.

#![expect(clippy::disallowed_methods, reason = "this is xtask's counterpart of `shared::config`")]

use std::{env, ffi::OsString, path::PathBuf};

/// A variable that is set and not empty.
pub(crate) fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folders of `PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// The cargo that runs us, so that nested calls use the same toolchain.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Where cargo puts what it builds, if the person has chosen a place.
pub(crate) fn cargo_target_dir() -> Option<PathBuf> {
    env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Variables in which `cargo run` and `cargo test` describe this crate to us.
///
/// Build scripts watch some of them (ring's does), so handing them on would rebuild dependencies
/// whenever a person and xtask take turns at calling cargo.
pub(crate) fn about_this_crate() -> Vec<OsString> {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    let ours = |name: &OsString| PREFIXES.iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
    env::vars_os().map(|(name, _)| name).filter(ours).collect()
}
