//! The `rl-demo` function.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve::<rl_demo::App>()
}
