//! The `auth` function.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_with::<auth::App>(secrets::resolve)
}
