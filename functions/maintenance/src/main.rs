//! The `maintenance` function.

use std::process::ExitCode;

use maintenance::App;

fn main() -> ExitCode {
    shared::lambda::run(async |env| {
        let app = App::from_env(&env)?;
        Ok(move |event| {
            let app = app.clone();
            async move { app.handle(event).await }
        })
    })
}
