//! The `books` function.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve::<books::App>()
}
