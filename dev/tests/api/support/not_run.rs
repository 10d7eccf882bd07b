//! Tests that this machine cannot run.

use std::io::Write as _;

/// Tells that the running test does nothing here, and why.
///
/// Written to standard error itself: what a passing test prints is thrown away. `cargo xtask test` repeats it at the
/// end.
pub(crate) fn not_run(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "\nnot run: {test}: {why}");
}
