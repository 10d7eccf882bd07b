//! The scripts in Redis do only what a managed cache allows: they touch the keys that they declare, and ask no time.
//!
//! The functions run every script here while `MONITOR` reports what Redis executes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use probe::{Probe, RIGHT_PASSWORD};
use redis::aio::MultiplexedConnection;
use serde_json::json;
use shared::lambda::function::Function as _;
use shared::protection::limiter::{Limiter, RateLimitKey};
use shared::protection::lockout::{Admission, Lockout, Rule};
use shared::protection::quotas;
use shared::stores::redis::Redis;
use testkit::users::{TestUser, sign_up};
use testkit::{Client, TestContext};

use crate::support::clients::probe;
use crate::support::redis_keys::connection;
use crate::support::redis_monitor::{RedisMonitor, ScriptRun};
use crate::support::responses::assert_problem;

/// The files of all scripts, by their texts and by the digests that Redis knows them by.
async fn scripts(redis: &mut MultiplexedConnection) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/src")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lua") {
                let text = fs::read_to_string(&path).unwrap();
                let mut load = redis::cmd("SCRIPT");
                let digest: String = load.arg("LOAD").arg(&text).query_async(redis).await.unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                found.extend([digest, text].map(|script| (script, name.to_owned())));
            }
        }
    }
    found
}

/// The keys that `command` touches, as Redis itself understands it.
async fn keys_of(command: &[String], redis: &mut MultiplexedConnection) -> Vec<String> {
    let mut ask = redis::cmd("COMMAND");
    ask.arg("GETKEYS").arg(command);
    // An error for a command without keys.
    ask.query_async(redis).await.unwrap_or_default()
}

/// Reads a list twice, creates a note and is refused by the limiter.
async fn use_cache_and_limiter(context: &TestContext, user: &TestUser) {
    let probe = probe(context);
    let note = json!({"text": "T"});
    for _ in 0..2 {
        assert_eq!(probe.get("/probe/notes").send().await.status, 200);
        assert_eq!(probe.post("/probe/notes").bearer(&user.access).json(&note).send().await.status, 201);
        assert_eq!(probe.get("/probe/notes").send().await.status, 200);
        assert_eq!(probe.get("/probe/notes").send().await.status, 200);
    }
    for _ in 0..20 {
        assert_eq!(probe.post("/probe/knock").send().await.status, 200);
    }
    // The second one is refused from memory.
    for _ in 0..2 {
        assert_problem(&probe.post("/probe/knock").send().await, 429);
    }
    let redis = Redis::from_env(&context.env_of(Probe::NAME)).unwrap();
    let limiter = Limiter::from_env(&context.env_of(Probe::NAME), redis).unwrap();
    limiter.window(quotas::DEFAULT, RateLimitKey::Client("192.0.2.1")).await.unwrap();
    let system = Client::start::<system::App>(context.env()).unwrap();
    assert_eq!(system.get("/health/ready").send().await.status, 200);
}

/// Lets guesses fail until they are locked out, succeed, and be abandoned.
async fn use_lockout(context: &TestContext) {
    let probe = probe(context);
    let guess = async |password: &str| {
        probe.post("/probe/guess").json(&json!({"name": "ada", "password": password})).send().await.status
    };
    for password in ["wrong", RIGHT_PASSWORD] {
        assert_eq!(guess(password).await, 200);
    }
    // A request abandons a guess only if its password could not be hashed, which no test can bring about.
    let lockout = Lockout::new(&Redis::from_env(&context.env_of(Probe::NAME)).unwrap());
    let rule = Rule::new("test", 5, Duration::from_mins(2), Duration::from_mins(1));
    let Admission::Allowed(attempt) = lockout.begin(vec![lockout.counter(rule, &["eve"])]).await.unwrap()
    else {
        panic!("nobody guessed before")
    };
    attempt.abandoned().await.unwrap();
    lockout.state(&lockout.counter(rule, &["eve"])).await.unwrap();
    let mut last = 0;
    for _ in 0..7 {
        last = guess("wrong").await;
    }
    assert_eq!(last, 429, "locked out");
}

#[tokio::test]
async fn every_script_declares_the_keys_that_it_touches_and_asks_for_no_time() {
    let context = TestContext::new().await;
    let mut redis = connection(&context).await;
    let scripts = scripts(&mut redis).await;
    let ada = sign_up(&context, "ada").await;
    let monitor = RedisMonitor::start(&context).await;
    use_cache_and_limiter(&context, &ada).await;
    use_lockout(&context).await;
    let runs = monitor.script_runs().await;

    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for ScriptRun { script, declared, commands } in &runs {
        // A script that is no file is named by its digest.
        let file = scripts.get(script).unwrap_or(script);
        seen.insert(file);
        for command in commands {
            if command[0].eq_ignore_ascii_case("time") {
                wrong.insert(format!("{file} asks for the time"));
            }
            for key in keys_of(command, &mut redis).await {
                if !declared.contains(&key) {
                    wrong.insert(format!("{file} does not declare the key of {}", command[..2].join(" ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let not_run: Vec<_> = scripts.values().filter(|file| !seen.contains(file)).collect();
    assert!(not_run.is_empty(), "{not_run:?}");
}
