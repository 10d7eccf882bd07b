//! The binary of the function `probe`. See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve::<probe::Probe>()
}
