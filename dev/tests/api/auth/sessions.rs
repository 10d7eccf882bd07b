//! Many sessions of one user, and a session that is in the wrong hands.

use serde_json::json;
use testkit::users::{NETWORK, PASSWORD, sign_up};
use testkit::{Client, Response, TestContext};
use tokio::task::JoinSet;

use super::{auth, log_in, refresh, register, session_of};
use crate::support::responses::{assert_invalid, assert_problem, text};

const NEW_PASSWORD: &str = "tr0ubador on a horse";

/// Adds this many live sessions of one user, the last used a minute ago, the next a minute before, and so on.
async fn add_sessions(context: &TestContext, user_id: i64, count: i32) {
    const SQL: &str = "
        insert into sessions (id, user_id, expires_at, ip, epoch, last_used_at)
        select gen_random_uuid(), users.id, now() + interval '1 day', 'x', users.session_epoch,
            now() - nth * interval '1 minute'
        from users, generate_series(1, $2) as nth
        where users.id = $1";
    context.database().await.execute(SQL, &[&user_id, &count]).await.unwrap();
}

async fn list(auth: &Client, access: &str) -> Response {
    auth.from_new_network().get("/auth/sessions").bearer(access).send().await
}

async fn change(auth: &Client, access: &str, current: &str) -> Response {
    let body = json!({"current_password": current, "new_password": NEW_PASSWORD});
    auth.post("/auth/password").bearer(access).json(&body).send().await
}

#[tokio::test]
async fn however_many_sessions_there_were_they_end_at_once() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    for (name, path) in [("ada", "/auth/logout-all"), ("bob", "/auth/password")] {
        let user = sign_up(&context, name).await;
        let other = log_in(&auth.from_new_network(), name, PASSWORD).await;
        add_sessions(&context, user.id, 150_000).await;
        let ended = match path {
            "/auth/password" => change(&auth, &user.access, PASSWORD).await,
            _ => auth.post(path).bearer(&user.access).send().await,
        };
        assert_eq!(ended.status, 204, "{path}: {}", ended.text());
        assert_problem(&list(&auth, &text(&other, "access_token")).await, 401);
        assert_problem(&refresh(&auth, &text(&other, "refresh_token")).await, 400);
        let own = list(&auth, &user.access).await;
        if path == "/auth/password" {
            assert_eq!(own.json()["total"], 1, "this session alone is left");
            assert_eq!(refresh(&auth, &user.refresh).await.status, 200);
        } else {
            assert_problem(&own, 401);
            let again = log_in(&auth.from_new_network(), name, PASSWORD).await;
            assert_eq!(list(&auth, &text(&again, "access_token")).await.json()["total"], 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_a_hundred_live_sessions_at_most_and_sees_them_all() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    add_sessions(&context, ada.id, 99).await;
    let auth = auth(&context);
    assert_eq!(list(&auth, &ada.access).await.json()["total"], 100);
    let mut sign_ins = JoinSet::new();
    for _ in 0..5 {
        let environment = crate::auth::auth(&context);
        sign_ins.spawn(async move { log_in(&environment, "ada", PASSWORD).await.status });
    }
    assert_eq!(sign_ins.join_all().await, [200; 5]);
    let sessions = list(&auth, &ada.access).await.json();
    assert_eq!((&sessions["total"], sessions["items"].as_array().unwrap().len()), (&json!(100), 100));
    let ended = "
        select count(*), min(last_used_at) < (select min(last_used_at) from sessions where ended_at is null)
        from sessions where end_reason = 'surplus'";
    let row = context.database().await.query_one(ended, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (5_i64, Some(true)), "those that were unused longest");
    let page = auth.from_new_network().get("/auth/sessions?page=2").bearer(&ada.access).send().await;
    assert_invalid(&page, &["page"]);
}

#[tokio::test]
async fn whoever_has_stolen_a_session_does_not_use_up_its_owners_password_quota() {
    let context = TestContext::new().await;
    let (ada, auth) = (sign_up(&context, "ada").await, auth(&context));
    let junk = async |access: &str| {
        auth.from_new_network().post("/auth/password").bearer(access).json(&json!({})).send().await.status
    };
    for _ in 0..5 {
        assert_eq!(junk(&ada.access).await, 422);
    }
    assert_eq!(junk(&ada.access).await, 429);
    let owner = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    let owner = text(&owner, "access_token");
    assert_eq!(auth.post("/auth/logout-all").bearer(&owner).send().await.status, 204);
    let owner = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    assert_eq!(junk(&ada.access).await, 429, "its token is still well signed, and counts by its session");
    assert_eq!(change(&auth, &text(&owner, "access_token"), PASSWORD).await.status, 204);
}

#[tokio::test]
async fn whoever_has_stolen_a_session_guesses_no_more_than_a_stranger() {
    let context = TestContext::new().await.with("RATE_LIMIT_PASSWORD", "1000/60");
    let auth = auth(&context);
    let home = auth.from_new_network();
    let ada = sign_up(&context, "ada").await;
    assert_eq!(log_in(&home, "ada", PASSWORD).await.status, 200);
    for _ in 0..50 {
        let guess = change(&auth.from_new_network(), &ada.access, "wrong").await;
        assert_invalid(&guess, &["current_password"]);
    }
    let right = change(&auth.from_new_network(), &ada.access, PASSWORD).await;
    assert_invalid(&right, &["current_password"]);
    assert_eq!(change(&home, &ada.access, PASSWORD).await.status, 204, "its owner is at home");
}

#[tokio::test]
async fn within_the_grace_a_used_token_is_answered_with_the_newest_of_its_line() {
    let context = TestContext::new().await;
    let (ada, auth) = (sign_up(&context, "ada").await, auth(&context));
    let b = text(&refresh(&auth, &ada.refresh).await, "refresh_token");
    let c = text(&refresh(&auth, &b).await, "refresh_token");
    for used in [&ada.refresh, &b] {
        let again = refresh(&auth, used).await;
        assert_eq!((again.status, text(&again, "refresh_token")), (200, c.clone()));
    }
    let d = text(&refresh(&auth, &c).await, "refresh_token");
    assert!(!d.is_empty() && d != c, "it was not used before");
    // Somebody removed the newest: nothing can be answered, and the session stays alive.
    let newest = "delete from refresh_tokens where used_at is null";
    context.database().await.batch_execute(newest).await.unwrap();
    assert_eq!(assert_problem(&refresh(&auth, &c).await, 400)["error"], "invalid_grant");
    let session = session_of(&context, &ada.access);
    let ended = "select ended_at is null from sessions where id = $1";
    let alive: bool = context.database().await.query_one(ended, &[&session]).await.unwrap().get(0);
    assert!(alive);
}

/// Tests of other functions sign users in by rows of their own, which must be those that a sign-in leaves.
#[tokio::test]
async fn a_sign_in_leaves_the_rows_that_users_of_other_tests_have() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let auth = auth(&context);
    assert_eq!(register(&auth, "bob").await.status, 201);
    assert_eq!(log_in(&auth.from_ip(NETWORK), "bob", PASSWORD).await.status, 200);
    // What differs from one sign-in to the next is left out; of times their distance counts.
    let sql = "
        select jsonb_build_object(
            'user', to_jsonb(users) - '{id, username, username_key, password_hash, created_at}'::text[],
            'session', to_jsonb(sessions) - '{id, user_id, created_at, last_used_at, expires_at}'::text[],
            'session lasts', round(extract(epoch from sessions.expires_at - sessions.created_at) / 60),
            'token', to_jsonb(refresh_tokens) - '{digest, session_id, jti, issued_at, expires_at}'::text[],
            'token lasts', refresh_tokens.expires_at - issued_at
        )::text
        from users
        join sessions on user_id = users.id
        join refresh_tokens on session_id = sessions.id
        order by users.id";
    let rows = context.database().await.query(sql, &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], rows[1], "left: testkit::users; right: auth");
}
