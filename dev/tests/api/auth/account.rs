//! What users do with their own account: list and end sessions, revoke tokens, change the password.

use serde_json::json;
use shared::identity::tokens::generate;
use testkit::users::{PASSWORD, TestUser, sign_up};
use testkit::{Client, Response, TestContext};

use super::{auth, log_in, refresh, session_of};
use crate::support::locks::until_a_lock_is_awaited;
use crate::support::responses::{assert_invalid, assert_problem, text};

const NEW_PASSWORD: &str = "tr0ubador on a horse";

async fn is_signed_in(auth: &Client, access: &str) -> bool {
    auth.from_new_network().get("/auth/me").bearer(access).send().await.status == 200
}

async fn sessions(auth: &Client, access: &str) -> Response {
    auth.from_new_network().get("/auth/sessions").bearer(access).send().await
}

#[tokio::test]
async fn the_list_of_sessions_shows_times_addresses_and_the_current_one() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    sign_up(&context, "bob").await;
    let auth = auth(&context);
    let other = log_in(&auth.from_ip("192.0.2.7"), "ada", PASSWORD).await;
    let response = sessions(&auth, &text(&other, "access_token")).await;
    let list = response.json();
    assert_eq!((response.status, &list["total"]), (200, &json!(2)), "{list}");
    let items = list["items"].as_array().unwrap();
    let current: Vec<_> = items.iter().filter(|item| item["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["ip"], "192.0.2.7");
    assert!(items.iter().any(|item| item["id"] == session_of(&context, &ada.access).to_string()));
    for time in ["created_at", "last_used_at"] {
        assert!(current[0][time].as_str().unwrap().ends_with('Z'), "{list}");
    }
}

#[tokio::test]
async fn only_its_owner_can_end_a_session() {
    let context = TestContext::new().await;
    let (ada, bob) = (sign_up(&context, "ada").await, sign_up(&context, "bob").await);
    let auth = auth(&context);
    let end = async |user: &TestUser, id: &str| {
        auth.from_new_network().delete(&format!("/auth/sessions/{id}")).bearer(&user.access).send().await
    };
    let session = session_of(&context, &ada.access).to_string();
    assert_problem(&end(&bob, &session).await, 404);
    assert!(is_signed_in(&auth, &ada.access).await);
    let other = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    let other_session = session_of(&context, &text(&other, "access_token")).to_string();
    assert_eq!(end(&ada, &other_session).await.status, 204);
    assert_problem(&end(&ada, &other_session).await, 404);
    assert!(!is_signed_in(&auth, &text(&other, "access_token")).await);
    assert!(is_signed_in(&auth, &ada.access).await);
    assert_invalid(&end(&ada, "1").await, &["id"]);
    assert_eq!(sessions(&auth, &ada.access).await.json()["total"], 1);
}

#[tokio::test]
async fn revoking_any_token_of_a_session_ends_it_and_an_unknown_token_is_accepted() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    let revoke = async |token: &str| {
        let form = [("token", token), ("token_type_hint", "refresh_token")];
        auth.from_new_network().post("/auth/revoke").form(&form).send().await
    };
    for (name, takes_refresh) in [("ada", true), ("bob", false)] {
        let user = sign_up(&context, name).await;
        let token = if takes_refresh { &user.refresh } else { &user.access };
        for _ in 0..2 {
            let response = revoke(token).await;
            assert_eq!((response.status, response.text()), (200, ""));
        }
        assert!(!is_signed_in(&auth, &user.access).await);
        assert_problem(&refresh(&auth, &user.refresh).await, 400);
    }
    assert_eq!(revoke("nonsense").await.status, 200);
    let nothing = auth.post("/auth/revoke").form(&[]).send().await;
    assert_eq!(assert_problem(&nothing, 400)["error"], "invalid_request");
}

async fn change(auth: &Client, access: &str, current: &str, new: &str) -> Response {
    let body = json!({"current_password": current, "new_password": new});
    auth.post("/auth/password").bearer(access).json(&body).send().await
}

#[tokio::test]
async fn changing_the_password_requires_the_current_one_and_ends_the_other_sessions() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let other = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    assert_invalid(&change(&auth, &ada.access, "wrong", NEW_PASSWORD).await, &["current_password"]);
    assert_invalid(&change(&auth, &ada.access, PASSWORD, "password").await, &["new_password"]);
    assert_eq!(change(&auth, &ada.access, PASSWORD, NEW_PASSWORD).await.status, 204);
    assert!(is_signed_in(&auth, &ada.access).await);
    assert!(!is_signed_in(&auth, &text(&other, "access_token")).await);
    assert_problem(&log_in(&auth.from_new_network(), "ada", PASSWORD).await, 400);
    assert_eq!(log_in(&auth.from_new_network(), "ada", NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_stolen_token_does_not_allow_guessing_the_password() {
    let context = TestContext::new().await.with("RATE_LIMIT_PASSWORD", "100/60");
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    for _ in 0..5 {
        assert_invalid(&change(&auth, &ada.access, "wrong", NEW_PASSWORD).await, &["current_password"]);
    }
    assert_invalid(&change(&auth, &ada.access, PASSWORD, NEW_PASSWORD).await, &["current_password"]);
    assert_eq!(
        log_in(&auth.from_new_network(), "ada", PASSWORD).await.status,
        200,
        "the password is still the old one"
    );
}

#[tokio::test]
async fn password_changes_are_limited_per_session_across_networks() {
    let context = TestContext::new().await;
    let (ada, bob) = (sign_up(&context, "ada").await, sign_up(&context, "bob").await);
    let auth = auth(&context);
    for _ in 0..5 {
        assert_invalid(
            &change(&auth.from_new_network(), &ada.access, PASSWORD, "short").await,
            &["new_password"],
        );
    }
    assert_problem(&change(&auth.from_new_network(), &ada.access, PASSWORD, NEW_PASSWORD).await, 429);
    assert_eq!(change(&auth.from_new_network(), &bob.access, PASSWORD, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn two_signing_keys_are_valid_during_a_key_rotation() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (old, new) = (context.variable("JWT_PUBLIC_KEYS").to_owned(), generate());
    let keys = |set: &str| serde_json::from_str::<serde_json::Value>(set).unwrap()["keys"][0].clone();
    let both = json!({"keys": [keys(&new.public_jwks), keys(&old)]}).to_string();
    let context = context.with("JWT_PRIVATE_KEY", &new.private_pem).with("JWT_PUBLIC_KEYS", &both);
    let during = auth(&context);
    assert!(is_signed_in(&during, &ada.access).await, "signed with the old key");
    let refreshed = refresh(&during, &ada.refresh).await;
    assert!(is_signed_in(&during, &text(&refreshed, "access_token")).await, "signed with the new key");
    let published = during.get("/.well-known/jwks.json").send().await;
    assert_eq!(published.json()["keys"].as_array().unwrap().len(), 2);
    let after = auth(&context.with("JWT_PUBLIC_KEYS", &new.public_jwks));
    assert!(!is_signed_in(&after, &ada.access).await, "the old key is not published any more");
    assert!(is_signed_in(&after, &text(&refreshed, "access_token")).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_password_change_no_session_of_the_old_password_is_valid() {
    let context =
        TestContext::new().await.with("RATE_LIMIT_LOGIN", "1000/60").with("RATE_LIMIT_PASSWORD", "1000/60");
    let ada = sign_up(&context, "ada").await;
    let (auth, other) = (auth(&context), auth(&context));
    let mut passwords = [PASSWORD, NEW_PASSWORD];
    for round in 0..10 {
        let [current, next] = passwords;
        let other = other.from_new_network();
        let signing_in = tokio::spawn(async move { log_in(&other, "ada", current).await });
        let changed = change(&auth.from_new_network(), &ada.access, current, next).await;
        assert_eq!(changed.status, 204, "round {round}: {}", changed.text());
        let signed_in = signing_in.await.unwrap();
        assert!(!is_signed_in(&auth, &text(&signed_in, "access_token")).await, "round {round}");
        passwords.reverse();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_created_during_a_password_change_ends_as_well() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (signing_in, watching) = (context.database().await, context.database().await);
    // As a sign-in does: it locks the row of the user until its session is committed.
    let session = "begin; select from users for share; insert into sessions (id, user_id, expires_at, ip)
        select gen_random_uuid(), id, now() + interval '1 day', '192.0.2.1' from users";
    signing_in.batch_execute(session).await.unwrap();
    let auth = auth(&context);
    let changing = tokio::spawn(async move { change(&auth, &ada.access, PASSWORD, NEW_PASSWORD).await });
    until_a_lock_is_awaited(&watching).await;
    signing_in.batch_execute("commit").await.unwrap();
    assert_eq!(changing.await.unwrap().status, 204);
    let open = "select count(*) from sessions join users on users.session_epoch = sessions.epoch
        where ended_at is null";
    assert_eq!(watching.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 1, "the one that changed it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_sign_ins_that_all_rehash_the_password_all_succeed() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let context = context.with("BCRYPT_COST", "11");
    let auth = auth(&context);
    let mut sign_ins = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let auth = auth.from_new_network();
        sign_ins.spawn(async move { log_in(&auth, "ada", PASSWORD).await.status });
    }
    assert_eq!(sign_ins.join_all().await, [200; 5]);
}
