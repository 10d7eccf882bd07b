//! Brute-force protection: of the mechanism, and on the login.

use std::time::Duration;

use probe::{Probe, RIGHT_PASSWORD};
use serde_json::json;
use shared::lambda::function::Function as _;
use shared::protection::lockout::{Admission, Lockout, Rule};
use shared::stores::redis::Redis;
use testkit::{Client, Response, TestContext};

use crate::support::redis_keys::keys;
use crate::support::responses::assert_problem;

async fn guess(probe: &Client, name: &str, password: &str) -> Response {
    probe.post("/probe/guess").json(&json!({"name": name, "password": password})).send().await
}

fn probe(context: &TestContext) -> Client {
    Client::start::<Probe>(context.env()).unwrap()
}

#[tokio::test]
async fn five_wrong_guesses_lock_out_the_right_one_too() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for failures in 1..=5 {
        let response = guess(&probe, "ada", "wrong").await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json()["right"], false);
        assert_eq!(response.json()["failures"], failures);
    }
    let locked = guess(&probe, "ada", RIGHT_PASSWORD).await;
    assert_problem(&locked, 429);
    assert!((1..=60).contains(&locked.retry_after().unwrap().as_secs()));
    assert_eq!(
        guess(&probe.from_new_network(), "ada", RIGHT_PASSWORD).await.json()["right"],
        true,
        "only this network is locked"
    );
    assert_eq!(guess(&probe, "bob", RIGHT_PASSWORD).await.json()["right"], true, "only this name is locked");
}

#[tokio::test]
async fn a_right_guess_resets_the_failures() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for _ in 0..3 {
        for _ in 0..4 {
            guess(&probe, "ada", "wrong").await;
        }
        assert_eq!(guess(&probe, "ada", RIGHT_PASSWORD).await.json()["right"], true);
    }
}

#[tokio::test]
async fn a_lock_without_expiry_is_removed() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for _ in 0..5 {
        guess(&probe, "ada", "wrong").await;
    }
    let lock = keys(&context).await.into_iter().find(|key| key.ends_with(":lock")).unwrap();
    let mut redis = crate::support::redis_keys::connection(&context).await;
    redis::cmd("PERSIST").arg(&lock).exec_async(&mut redis).await.unwrap();
    assert_eq!(guess(&probe, "ada", RIGHT_PASSWORD).await.json()["right"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_five_of_many_parallel_guesses_are_checked() {
    let context = TestContext::new().await;
    let environments: Vec<_> = (0..3).map(|_| probe(&context).from_ip("192.0.2.1")).collect();
    let guesses = (0..60).map(|n| {
        let probe = environments[n % 3].clone();
        tokio::spawn(async move { guess(&probe, "ada", "wrong").await.status })
    });
    let mut checked = 0;
    for guess in guesses.collect::<Vec<_>>() {
        checked += usize::from(guess.await.unwrap() == 200);
    }
    assert_eq!(checked, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_parallel_right_guesses_all_succeed_and_leave_no_keys() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    let guesses: Vec<_> = (0..5)
        .map(|_| {
            let probe = probe.clone();
            tokio::spawn(async move { guess(&probe, "ada", RIGHT_PASSWORD).await.json()["right"].clone() })
        })
        .collect();
    for guess in guesses {
        assert_eq!(guess.await.unwrap(), true);
    }
    assert!(keys(&context).await.iter().all(|key| !key.contains("lockout")), "{:?}", keys(&context).await);
}

/// The lockout by itself.
fn lockout(context: &TestContext) -> Lockout {
    Lockout::new(&Redis::from_env(&context.env_of(Probe::NAME)).unwrap())
}

/// A rule for tests of the module itself: three failures within 400 ms lock for 300 ms.
const RULE: Rule = Rule::new("test", 3, Duration::from_millis(400), Duration::from_millis(300));

async fn fail(lockout: &Lockout) -> bool {
    match lockout.begin(vec![lockout.counter(RULE, &["somebody"])]).await.unwrap() {
        Admission::Allowed(attempt) => {
            attempt.failed().await.unwrap();
            true
        }
        Admission::Locked(_) => false,
    }
}

#[tokio::test]
async fn a_lock_expires_despite_attempts_and_all_attempts_are_allowed_again() {
    let context = TestContext::new().await;
    let lockout = lockout(&context);
    for _ in 0..2 {
        for _ in 0..3 {
            assert!(fail(&lockout).await);
        }
        let Admission::Locked(wait) =
            lockout.begin(vec![lockout.counter(RULE, &["somebody"])]).await.unwrap()
        else {
            panic!("three failures lock");
        };
        assert!(wait <= Duration::from_millis(300));
        // Attempts during the lock neither count nor prolong it.
        for _ in 0..5 {
            assert!(!fail(&lockout).await);
        }
        tokio::time::sleep(wait).await;
    }
}

#[tokio::test]
async fn a_failure_that_expires_during_another_attempt_does_not_count() {
    let context = TestContext::new().await;
    let lockout = lockout(&context);
    assert!(fail(&lockout).await && fail(&lockout).await);
    let Admission::Allowed(slow) = lockout.begin(vec![lockout.counter(RULE, &["somebody"])]).await.unwrap()
    else {
        panic!("two failures do not lock");
    };
    tokio::time::sleep(Duration::from_millis(420)).await;
    assert_eq!(slow.failed().await.unwrap(), 1);
}

#[tokio::test]
async fn an_abandoned_attempt_does_not_count() {
    let context = TestContext::new().await;
    let lockout = lockout(&context);
    for _ in 0..10 {
        let Admission::Allowed(attempt) =
            lockout.begin(vec![lockout.counter(RULE, &["somebody"])]).await.unwrap()
        else {
            panic!("nothing was guessed yet");
        };
        attempt.abandoned().await.unwrap();
    }
}

#[tokio::test]
async fn repeated_locks_grow_up_to_a_limit_and_a_success_resets_them() {
    const GROWING: Rule = Rule::new("test", 1, Duration::from_mins(1), Duration::from_millis(100))
        .growing_to(Duration::from_millis(300));
    let context = TestContext::new().await;
    let lockout = lockout(&context);
    let begin = async || lockout.begin(vec![lockout.counter(GROWING, &["somebody"])]).await.unwrap();
    let lock = async || {
        let Admission::Allowed(attempt) = begin().await else { panic!("the lock before is over") };
        attempt.failed().await.unwrap();
        let Admission::Locked(wait) = begin().await else { panic!("one failure locks") };
        tokio::time::sleep(wait).await;
        wait.as_millis()
    };
    for longest in [100, 200, 300, 300] {
        let wait = lock().await;
        assert!(wait <= longest && wait > longest / 2, "{wait} ms of {longest}");
    }
    let Admission::Allowed(attempt) = begin().await else { panic!("the lock is over") };
    attempt.succeeded().await.unwrap();
    assert!(lock().await <= 100);
}
