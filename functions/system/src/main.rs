//! The `system` function.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve::<system::App>()
}
