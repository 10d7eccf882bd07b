//! Hands arbitrary bytes to functions as an event. The outcome must be a well-formed response or a runtime error, as in
//! `dev/tests/api/mutated_events.rs`, but without stores.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use probe::Probe;
use shared::lambda::EventHandler;
use testkit::functions::find;
use testkit::{Invoke, response_flaw};
use tokio::runtime::{Builder, Runtime};

/// Functions whose stores refuse every connection.
static FUNCTIONS: LazyLock<Vec<Arc<dyn Invoke>>> = LazyLock::new(|| {
    let env = probe::env_without_stores;
    let system = find("system").expect("the function is in the list");
    let system = system.start(&env()).expect("it starts with these variables");
    let probe = EventHandler::from_env::<Probe>(&env()).expect("it starts with these variables");
    vec![system, Arc::new(probe)]
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime can be built"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(event) = std::str::from_utf8(bytes) else { return };
    for function in FUNCTIONS.iter() {
        let outcome = RUNTIME.block_on(function.invoke(event));
        // The readiness route answers 503, because the stores are unavailable.
        let is_not_ready = outcome.as_ref().is_ok_and(|answer| answer["statusCode"] == 503);
        let flaw = response_flaw(event, &outcome);
        assert!(is_not_ready || flaw.is_none(), "{flaw:?}");
    }
});
