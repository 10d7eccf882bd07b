//! The `smoke-test` function.

use std::process::ExitCode;

use smoke_test::App;

fn main() -> ExitCode {
    shared::lambda::run(async |env| {
        let app = App::from_env(&env)?;
        Ok(move |event| {
            let app = app.clone();
            async move { app.handle(event).await }
        })
    })
}
