//! The lockout of the sign-in: what a locked client is told, and whom a lock concerns.

use testkit::users::PASSWORD;
use testkit::{Client, TestContext};

use super::{auth, log_in, register};
use crate::support::redis_keys::keys;
use crate::support::responses::{assert_problem, without_request_id};

#[tokio::test]
async fn a_locked_account_refuses_right_and_wrong_passwords_alike() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    register(&auth, "ada").await;
    let mut responses = Vec::new();
    for password in ["wrong", "wrong", "wrong", "wrong", "wrong", PASSWORD] {
        responses.push(log_in(&auth, "ada", password).await);
    }
    responses.push(log_in(&auth.from_new_network(), "nobody", PASSWORD).await);
    let bodies: Vec<_> = responses.iter().map(without_request_id).collect();
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:#?}");
    assert_eq!(responses[5].status, 400);
    assert_eq!(
        log_in(&auth.from_new_network(), "ada", PASSWORD).await.status,
        200,
        "from elsewhere the owner gets in"
    );
}

#[tokio::test]
async fn usernames_are_not_readable_in_redis() {
    let context = TestContext::new().await;
    log_in(&auth(&context), "a-very-special-name", "wrong").await;
    assert!(keys(&context).await.iter().all(|key| !key.contains("special")));
}

/// Guesses wrongly at `name`, each time from another unknown network.
async fn guess_from_unknown_networks(auth: &Client, name: &str, count: usize) {
    for _ in 0..count {
        log_in(&auth.from_new_network(), name, "wrong").await;
    }
}

#[tokio::test]
async fn guesses_from_unknown_networks_lock_a_name_for_them_and_not_for_its_owner() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    let home = auth.from_new_network();
    register(&auth, "ada").await;
    assert_eq!(log_in(&home, "ada", PASSWORD).await.status, 200);
    guess_from_unknown_networks(&auth, "ada", 50).await;
    assert_problem(&log_in(&auth.from_new_network(), "ada", PASSWORD).await, 400);
    assert_eq!(
        log_in(&home, "ada", PASSWORD).await.status,
        200,
        "this network is known from an earlier sign-in"
    );
}

#[tokio::test]
async fn a_network_that_guesses_many_names_is_locked_for_all_names_despite_a_success() {
    let context = TestContext::new().await.with("RATE_LIMIT_LOGIN", "1000/60");
    let auth = auth(&context);
    register(&auth, "ada").await;
    for n in 0..100 {
        if n == 50 {
            assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 200);
        }
        assert_problem(&log_in(&auth, &format!("name-{n}"), "wrong").await, 400);
    }
    assert_problem(&log_in(&auth, "ada", PASSWORD).await, 400);
    assert_eq!(log_in(&auth.from_new_network(), "ada", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_parallel_right_sign_ins_all_succeed_and_leave_no_keys() {
    let context = TestContext::new().await;
    let environments = [auth(&context), auth(&context)].map(|auth| auth.from_ip("192.0.2.1"));
    register(&environments[0], "ada").await;
    let sign_ins: Vec<_> = (0..5)
        .map(|n| {
            let auth = environments[n % 2].clone();
            tokio::spawn(async move { log_in(&auth, "ada", PASSWORD).await.status })
        })
        .collect();
    for sign_in in sign_ins {
        assert_eq!(sign_in.await.unwrap(), 200);
    }
    assert!(keys(&context).await.iter().all(|key| !key.contains("lockout")), "{:?}", keys(&context).await);
}
