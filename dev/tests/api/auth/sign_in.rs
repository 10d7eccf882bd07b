//! Registration, sign-in, refresh and sign-out.

use serde_json::json;
use testkit::TestContext;
use testkit::gateway_events::http_api_event;
use testkit::users::{PASSWORD, sign_up};

use super::{auth, log_in, refresh, register};
use crate::origin_secret::{assert_closed, behind_cdn};
use crate::support::responses::{assert_invalid, assert_problem, text, without_request_id};
use crate::support::tasks::run;

#[tokio::test]
async fn a_token_response_has_exactly_the_members_of_oauth() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    register(&auth, "ada").await;
    let response = log_in(&auth, "ada", PASSWORD).await;
    let tokens = response.json();
    let members: Vec<_> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn me_is_the_user_who_signed_in() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "Ada").await;
    let me = auth(&context).get("/auth/me").bearer(&ada.access).send().await;
    assert_eq!(me.json(), json!({"id": ada.id, "username": "Ada", "role": "user"}));
}

#[tokio::test]
async fn a_registration_can_not_choose_its_role() {
    let context = TestContext::new().await;
    let body = json!({"username": "eve", "password": PASSWORD, "role": "admin"});
    let response = auth(&context).post("/auth/register").json(&body).send().await;
    assert_eq!((response.status, &response.json()["role"]), (201, &json!("user")));
}

#[tokio::test]
async fn a_username_is_taken_in_all_its_unicode_forms() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    assert_eq!(register(&auth, "Straße").await.status, 201);
    for name in ["Straße", "STRASSE", "ｓｔｒａｓｓｅ"] {
        assert_problem(&register(&auth, name).await, 409);
        assert_eq!(log_in(&auth, name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_parallel_registrations_of_one_name_succeeds() {
    let context = TestContext::new().await;
    let environments = [auth(&context), auth(&context)];
    let requests: Vec<_> = (0..8)
        .map(|n| {
            let auth = environments[n % 2].clone();
            tokio::spawn(async move { register(&auth, "ada").await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn all_invalid_fields_of_a_registration_are_reported_at_once() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    for (body, fields) in [
        (json!({}), vec!["username", "password"]),
        (json!({"username": "a", "password": 1, "admin": true}), vec!["username", "password", "admin"]),
        (json!({"username": "ada", "password": "short"}), vec!["password"]),
        (json!({"username": "a", "password": "short", "x": 1}), vec!["username", "password", "x"]),
        (json!({"username": "ada", "password": "password123"}), vec!["password"]),
        (json!({"username": "long enough", "password": "Long Enough"}), vec!["password"]),
        (json!({"username": "ada", "password": "x".repeat(129)}), vec!["password"]),
        (json!({"username": " ada", "password": PASSWORD}), vec!["username"]),
    ] {
        let response = auth.from_new_network().post("/auth/register").json(&body).send().await;
        assert_invalid(&response, &fields);
        assert!(
            !response.text().contains("short") && !response.text().contains("password123"),
            "values are not echoed"
        );
    }
    let rows = context.database().await.query_one("select count(*) from users", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn every_failed_sign_in_gets_the_same_response() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    register(&auth, "ada").await;
    register(&auth, "disabled").await;
    let database = context.database().await;
    database.execute("update users set disabled = true where username = 'disabled'", &[]).await.unwrap();
    let mut responses = Vec::new();
    for (name, password) in [
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("disabled", PASSWORD),
        ("ada", "correct horse battery staple\0"),
    ] {
        let response = log_in(&auth.from_new_network(), name, password).await;
        let problem = assert_problem(&response, 400);
        assert_eq!(problem["error"], "invalid_grant");
        responses.push(without_request_id(&response));
    }
    assert!(responses.windows(2).all(|pair| pair[0] == pair[1]), "{responses:#?}");
}

#[tokio::test]
async fn an_invalid_token_request_gets_an_oauth_error() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    let form = "application/x-www-form-urlencoded";
    for path in ["/auth/login", "/auth/refresh"] {
        for (content_type, body, status, error) in [
            (form, "", 400, "invalid_request"),
            (form, "username=&password=", 400, "invalid_request"),
            (form, "username=a&username=b&password=c&refresh_token=d", 400, "invalid_request"),
            (form, "username=%FF", 400, "invalid_request"),
            (
                form,
                "grant_type=client_credentials&username=a&password=b&refresh_token=c",
                400,
                "unsupported_grant_type",
            ),
            (form, &"x".repeat(65_537), 413, "invalid_request"),
            ("text/plain", "username=a&password=b", 415, "invalid_request"),
            (
                "application/x-www-form-urlencoded; charset=latin1",
                "username=a&password=b",
                415,
                "invalid_request",
            ),
        ] {
            let response = auth
                .from_new_network()
                .post(path)
                .header("content-type", content_type)
                .body(body)
                .send()
                .await;
            let problem = assert_problem(&response, status);
            assert_eq!(problem["error"], error, "{path} {body:.60}");
            assert!(problem["error_description"].is_string());
            assert_eq!(response.header("cache-control"), Some("no-store"));
        }
    }
    let login = auth
        .from_new_network()
        .post("/auth/login")
        .json(&json!({"username": "a", "password": "b"}))
        .send()
        .await;
    assert_problem(&login, 415);
    let method = assert_problem(&auth.get("/auth/login").send().await, 405);
    assert_eq!(method["error"], "invalid_request");
}

#[tokio::test]
async fn unknown_parameters_of_a_token_request_are_ignored() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    register(&auth, "ada").await;
    let form = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("scope", ""),
        ("client_id", "x"),
        ("client_secret", ""),
    ];
    assert_eq!(auth.post("/auth/login").form(&form).send().await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_as_form_or_json_and_never_in_the_query() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let second = refresh(&auth, &ada.refresh).await;
    assert_eq!(second.status, 200, "{}", second.text());
    let body = json!({"refresh_token": text(&second, "refresh_token")});
    let third = auth.post("/auth/refresh").json(&body).send().await;
    assert_eq!(third.status, 200, "{}", third.text());
    let token = text(&third, "refresh_token");
    let in_query = auth.post(&format!("/auth/refresh?refresh_token={token}")).form(&[]).send().await;
    assert_problem(&in_query, 400);
    let me = auth.get("/auth/me").bearer(&text(&third, "access_token")).send().await;
    assert_eq!(me.status, 200);
}

#[tokio::test]
async fn a_repeated_refresh_within_the_grace_period_gets_the_same_successor() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let first = text(&refresh(&auth, &ada.refresh).await, "refresh_token");
    let again = text(&refresh(&auth, &ada.refresh).await, "refresh_token");
    assert!(!first.is_empty());
    assert_eq!(first, again);
}

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let other = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    assert_eq!(auth.post("/auth/logout").bearer(&ada.access).send().await.status, 204);
    assert_problem(&auth.get("/auth/me").bearer(&ada.access).send().await, 401);
    assert_problem(&refresh(&auth, &ada.refresh).await, 400);
    assert_eq!(auth.get("/auth/me").bearer(&text(&other, "access_token")).send().await.status, 200);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session() {
    let context = TestContext::new().await;
    let (ada, bob) = (sign_up(&context, "ada").await, sign_up(&context, "bob").await);
    let auth = auth(&context);
    let other = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    assert_eq!(auth.post("/auth/logout-all").bearer(&ada.access).send().await.status, 204);
    for token in [&ada.access, &text(&other, "access_token")] {
        assert_problem(&auth.get("/auth/me").bearer(token).send().await, 401);
    }
    assert_eq!(auth.get("/auth/me").bearer(&bob.access).send().await.status, 200);
}

#[tokio::test]
async fn a_disabled_or_deleted_user_is_refused_at_once() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    for sql in ["update users set disabled = true where id = $1", "delete from users where id = $1"] {
        let name = if sql.starts_with("update") { "ada" } else { "bob" };
        let user = sign_up(&context, name).await;
        context.database().await.execute(sql, &[&user.id]).await.unwrap();
        assert_problem(&auth.get("/auth/me").bearer(&user.access).send().await, 401);
        assert_problem(&refresh(&auth, &user.refresh).await, 400);
    }
}

#[tokio::test]
async fn the_role_is_read_from_the_database_and_not_from_the_token() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let visit = async || auth.get("/auth/admin-only").bearer(&ada.access).send().await;
    assert_problem(&visit().await, 403);
    let task = serde_json::json!({"task": "set_role", "username": "ada", "role": "admin"});
    run(&context, task).await.unwrap();
    assert_eq!(visit().await.status, 200);
}

#[tokio::test]
async fn a_hash_of_a_lower_cost_is_replaced_at_the_next_sign_in() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let context = context.with("BCRYPT_COST", "11");
    assert_eq!(log_in(&auth(&context), "ada", PASSWORD).await.status, 200);
    let row = context.database().await.query_one("select password_hash from users", &[]).await.unwrap();
    assert!(row.get::<_, String>(0).starts_with("$2b$11$"));
    assert_eq!(log_in(&auth(&context), "ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_database_contains_neither_passwords_nor_tokens() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    refresh(&auth(&context), &ada.refresh).await;
    let sql = "select (select json_agg(u)::text from users u) || (select json_agg(s)::text from sessions s)
        || (select json_agg(t)::text from refresh_tokens t)";
    let everything: String = context.database().await.query_one(sql, &[]).await.unwrap().get(0);
    let signature = ada.refresh.rsplit('.').next().unwrap();
    assert!(!everything.contains(PASSWORD) && !everything.contains(signature));
}

#[tokio::test]
async fn the_public_keys_are_published() {
    let context = TestContext::new().await;
    let response = auth(&context).get("/.well-known/jwks.json").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), Some("public, max-age=300"));
    let key = &response.json()["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["use"]), (&json!("OKP"), &json!("Ed25519"), &json!("sig")));
    assert!(key["d"].is_null(), "the private half stays private");
}

#[tokio::test]
async fn an_invalid_event_for_a_token_endpoint_gets_an_oauth_error() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    let mut broken = http_api_event("POST", "/auth/login", "");
    broken["isBase64Encoded"] = true.into();
    broken["body"] = "***".into();
    for event in [broken, http_api_event("POST", "/auth/login", &"\"".repeat(6000))] {
        let response = auth.send_event(&event.to_string()).await.unwrap();
        assert_eq!(assert_problem(&response, 400)["error"], "invalid_request");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_closed_token_endpoint_answers_as_oauth_demands() {
    let context = behind_cdn(TestContext::new().await);
    let closed = auth(&context).post("/auth/login").send().await;
    assert_closed(&closed);
    assert_eq!(closed.json()["error"], "access_denied");
}
