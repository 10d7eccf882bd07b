//! The `bf-demo` function.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve::<bf_demo::App>()
}
