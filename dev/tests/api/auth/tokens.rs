//! Authorization headers with missing, malformed, misused or foreign tokens.

use testkit::TestContext;
use testkit::users::sign_up;

use super::{auth, refresh};
use crate::support::responses::assert_problem;

#[tokio::test]
async fn the_challenge_says_invalid_token_only_when_a_token_was_sent() {
    let context = TestContext::new().await;
    let auth = auth(&context);
    for (header, sent) in [
        (None, false),
        (Some("Basic YTpi"), false),
        (Some("Bearer"), false),
        (Some("Bearer "), true),
        (Some("Bearer x.y.z"), true),
        (Some("bearer x"), true),
    ] {
        let mut request = auth.get("/auth/me");
        if let Some(value) = header {
            request = request.header("authorization", value);
        }
        let response = request.send().await;
        assert_problem(&response, 401);
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert_eq!(challenge.contains("error=\"invalid_token\""), sent, "{header:?}: {challenge}");
    }
}

#[tokio::test]
async fn a_refresh_token_grants_no_access_and_an_access_token_can_not_refresh() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    assert_problem(&auth.get("/auth/me").bearer(&ada.refresh).send().await, 401);
    assert_problem(&refresh(&auth, &ada.access).await, 400);
}

#[tokio::test]
async fn a_token_of_another_deployment_is_refused() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    for (name, value) in [("JWT_ISSUER", "https://other.example"), ("JWT_AUDIENCE", "other")] {
        let env: shared::config::Env = context.env();
        let other = TestContext::new().await.with(name, value);
        assert_ne!(env.required(name).unwrap(), value);
        assert_problem(&auth(&other).get("/auth/me").bearer(&ada.access).send().await, 401);
    }
}
