//! Any bytes as an event: a proper answer, or a runtime error. The same property as in
//! `dev/tests/api/mutations.rs`, without stores.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use shared::config::Env;
use testkit::functions::find;
use testkit::{Invoke, flaw};
use tokio::runtime::{Builder, Runtime};

/// Functions that answer without a store: one that is refused at once stands in for each.
static FUNCTIONS: LazyLock<Vec<Arc<dyn Invoke>>> = LazyLock::new(|| {
    let away = [("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x"), ("REDIS_URL", "redis://127.0.0.1:1/")];
    let start = |function| {
        let function = find(function).expect("it is in the list");
        function.start(&Env::of(away)).expect("these variables do")
    };
    ["system", "rl-demo"].map(start).into()
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime can be built"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(event) = std::str::from_utf8(bytes) else { return };
    for function in FUNCTIONS.iter() {
        let outcome = RUNTIME.block_on(function.invoke(event));
        // The one route that says how the stores are says that they are away.
        let about_stores = outcome.as_ref().is_ok_and(|answer| answer["statusCode"] == 503);
        assert!(about_stores || flaw(&outcome).is_none(), "{:?}", flaw(&outcome));
    }
});
