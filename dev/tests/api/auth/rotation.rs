//! Rotation of refresh tokens: parallel refreshes, reuse of old tokens, and sign-outs during a refresh.

use testkit::users::{PASSWORD, sign_up};
use testkit::{Client, Response, TestContext};
use tokio::task::JoinSet;

use super::{auth, log_in, refresh, register, session_of};
use crate::support::responses::{assert_problem, text};

/// Refreshes with `token`, again after a 503: the stores are busy with other tests.
async fn refresh_with_retry(auth: &Client, token: &str) -> Response {
    loop {
        let response = refresh(auth, token).await;
        if response.status != 503 {
            return response;
        }
    }
}

/// Independent execution environments, each with its own connections.
fn environments(context: &TestContext) -> Vec<Client> {
    (0..4).map(|_| auth(context)).collect()
}

async fn in_parallel(environments: &[Client], count: usize, token: &str) -> Vec<Response> {
    let mut requests = JoinSet::new();
    for n in 0..count {
        let (auth, token) = (environments[n % environments.len()].clone(), token.to_owned());
        requests.spawn(async move { refresh_with_retry(&auth, &token).await });
    }
    requests.join_all().await
}

async fn count_tokens(context: &TestContext) -> i64 {
    context.database().await.query_one("select count(*) from refresh_tokens", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_refreshes_create_one_successor_that_all_get() {
    let context = TestContext::new().await;
    let mut token = sign_up(&context, "ada").await.refresh;
    let environments = environments(&context);
    let mut expected = 1;
    for count in [2, 10, 30, 100] {
        for round in 0..20 {
            let responses = in_parallel(&environments, count, &token).await;
            let successors: Vec<_> =
                responses.iter().map(|response| text(response, "refresh_token")).collect();
            assert!(!successors[0].is_empty(), "{count}, round {round}: {}", responses[0].text());
            assert!(successors.iter().all(|successor| *successor == successors[0]), "{count}, round {round}");
            expected += 1;
            assert_eq!(count_tokens(&context).await, expected, "{count}, round {round}");
            token = successors[0].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_grace_period_exactly_one_of_parallel_refreshes_succeeds() {
    let context = TestContext::new().await.with("REFRESH_GRACE_SECONDS", "0");
    let environments = environments(&context);
    register(&environments[0], "ada").await;
    for count in [2, 10, 30, 100].into_iter().flat_map(|count| [count; 20]) {
        let tokens = log_in(&environments[0].from_new_network(), "ada", PASSWORD).await;
        let before = count_tokens(&context).await;
        let responses = in_parallel(&environments, count, &text(&tokens, "refresh_token")).await;
        let (winners, losers): (Vec<_>, Vec<_>) =
            responses.iter().partition(|response| response.status == 200);
        assert_eq!(winners.len(), 1);
        for loser in losers {
            assert_eq!(assert_problem(loser, 400)["error"], "invalid_grant");
        }
        assert_eq!(count_tokens(&context).await, before + 1);
    }
}

#[tokio::test]
async fn a_reuse_after_the_grace_period_ends_the_session_and_no_other() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let elsewhere = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    let b = refresh(&auth, &ada.refresh).await;
    let c = refresh(&auth, &text(&b, "refresh_token")).await;
    assert_eq!(c.status, 200);
    let database = context.database().await;
    let earlier =
        "update refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null";
    database.execute(earlier, &[]).await.unwrap();

    assert_problem(&refresh(&auth, &ada.refresh).await, 400);
    let family = "select end_reason from sessions where id = $1";
    let row = database.query_one(family, &[&session_of(&context, &ada.access)]).await.unwrap();
    assert_eq!(row.get::<_, Option<&str>>(0), Some("reuse"), "committed although the request failed");
    assert_problem(&refresh(&auth, &text(&c, "refresh_token")).await, 400);
    assert_problem(&auth.get("/auth/me").bearer(&text(&c, "access_token")).send().await, 401);
    assert_eq!(refresh(&auth, &text(&elsewhere, "refresh_token")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sign_out_no_token_is_valid() {
    let context = TestContext::new().await.with("RATE_LIMIT_LOGIN", "1000/60");
    let environments = environments(&context);
    register(&environments[0], "ada").await;
    for round in 0..200 {
        let tokens = log_in(&environments[0].from_new_network(), "ada", PASSWORD).await;
        let (access, token) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        let other = environments[1].clone();
        let refreshing = tokio::spawn(async move { refresh(&other, &token).await });
        let signed_out = environments[2].from_new_network().post("/auth/logout").bearer(&access).send().await;
        let refreshed = refreshing.await.unwrap();
        assert_eq!(signed_out.status, 204, "round {round}: {}", signed_out.text());
        let next = text(&refreshed, "refresh_token");
        for token in [text(&tokens, "refresh_token"), next].iter().filter(|token| !token.is_empty()) {
            assert_problem(&refresh_with_retry(&environments[3], token).await, 400);
        }
        for access in [access, text(&refreshed, "access_token")].iter().filter(|token| !token.is_empty()) {
            assert_problem(
                &environments[3].from_new_network().get("/auth/me").bearer(access).send().await,
                401,
            );
        }
    }
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_limit_however_often_it_is_refreshed() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let database = context.database().await;
    database.execute("update sessions set expires_at = now() + interval '1 hour'", &[]).await.unwrap();
    let next = refresh(&auth, &ada.refresh).await;
    let sql = "select bool_and(t.expires_at <= s.expires_at) from refresh_tokens t
        join sessions s on s.id = t.session_id where t.used_at is null";
    assert_eq!(database.query_one(sql, &[]).await.unwrap().get::<_, Option<bool>>(0), Some(true));
    database.execute("update sessions set expires_at = now()", &[]).await.unwrap();
    assert_problem(&refresh(&auth, &text(&next, "refresh_token")).await, 400);
    assert_problem(&auth.get("/auth/me").bearer(&text(&next, "access_token")).send().await, 401);
}

#[tokio::test]
async fn sessions_and_tokens_last_as_long_as_documented() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let sql = "select extract(epoch from s.expires_at - s.created_at)::float8 / 86400,
        extract(epoch from t.expires_at - t.issued_at)::float8 / 86400
        from sessions s join refresh_tokens t on t.session_id = s.id";
    let row = context.database().await.query_one(sql, &[]).await.unwrap();
    let (absolute, idle): (f64, f64) = (row.get(0), row.get(1));
    assert!((absolute - 30.0).abs() < 0.01 && (idle - 7.0).abs() < 0.01, "{absolute} {idle}");
}
