//! `auth` reads its signing key and its pepper from one secret, here in moto as Secrets Manager.

use serde_json::json;
use shared::identity::tokens::generate;
use stack::environment::ExecutionEnvironment;
use testkit::functions::FUNCTIONS;
use testkit::users::PASSWORD;
use testkit::{Client, TestContext};

use super::{auth, log_in, register};
use crate::deployments;
use crate::support::moto::Moto;
use crate::support::responses::text;

/// `context` with the signing key and the pepper in the secret `arn` instead of the variables.
fn with_secret(context: TestContext, moto: &Moto, arn: &str) -> TestContext {
    let context = context.with("JWT_PRIVATE_KEY", "").with("PASSWORD_PEPPER", "").with("SECRET_ARN", arn);
    context.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url())
}

#[tokio::test]
async fn auth_reads_its_secret_with_one_call_and_signs_users_in() {
    let moto = Moto::start().await;
    let context = TestContext::new().await;
    let outside = auth(&context);
    let value = secrets::compose(context.variable("JWT_PRIVATE_KEY"), context.variable("PASSWORD_PEPPER"));
    let arn = moto.create("bookshelf", Some(&value)).await;
    let environment =
        ExecutionEnvironment::start("auth", with_secret(context, &moto, &arn).variables()).await.unwrap();
    let inside = Client::of(environment.clone());
    assert_eq!(register(&inside, "ada").await.status, 201);
    let tokens = log_in(&inside, "ada", PASSWORD).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let me = outside.get("/auth/me").bearer(&text(&tokens, "access_token")).send().await;
    assert_eq!(me.status, 200, "the same key, read from a variable: {}", me.text());
    assert_eq!(log_in(&outside, "ada", PASSWORD).await.status, 200, "and the same pepper");
    assert_eq!(moto.calls(), ["GetSecretValue"]);
    assert!(!environment.log().contains(text(&tokens, "access_token").rsplit('.').next().unwrap()));
}

#[tokio::test]
async fn auth_signs_with_the_key_of_the_secret_and_accepts_the_one_before_after_a_rotation() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let arn = moto.create("bookshelf", None).await;
    let maintenance = deployments::start(&context).await;
    let deploy = async |kind| {
        let properties = json!({"Task": "keys", "SecretArn": arn});
        let written = deployments::handle(&maintenance, kind, properties).await;
        let context =
            context.clone().with("JWT_PUBLIC_KEYS", written["Data"]["PublicKeys"].as_str().unwrap());
        let context = with_secret(context, &moto, &arn);
        Client::of(ExecutionEnvironment::start("auth", context.variables()).await.unwrap())
    };
    let sign_in = async |auth: &Client| text(&log_in(auth, "ada", PASSWORD).await, "access_token");
    let auth = deploy("Create").await;
    assert_eq!(register(&auth, "ada").await.status, 201);
    let old = sign_in(&auth).await;
    let id = deployments::add_next_key(&moto, &arn).await;
    deploy("Update").await;
    deployments::promote(&moto, &arn, &id).await;
    let auth = deploy("Update").await;
    let new = sign_in(&auth).await;
    for token in [&old, &new] {
        assert_eq!(auth.get("/auth/me").bearer(token).send().await.status, 200);
    }
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&old), header(&new), "another key, another kid");
}

/// Starts `auth`, which must exit with one line, and returns that line.
async fn start_error(context: &TestContext) -> String {
    let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    let status = environment.ended().await.unwrap();
    assert_eq!(status.code(), Some(1), "{}", environment.log());
    let log = environment.log();
    assert_eq!(log.lines().count(), 1, "{log}");
    log.trim().strip_prefix("can not start: ").expect("all start errors begin like this").to_owned()
}

#[tokio::test]
async fn auth_exits_on_a_missing_or_malformed_secret_with_one_line_that_reveals_nothing_of_it() {
    let (moto, context, pair) = (Moto::start().await, TestContext::new().await, generate());
    let context = context.with("JWT_PUBLIC_KEYS", &pair.public_jwks);
    let (key, pepper) = (pair.private_pem, context.variable("PASSWORD_PEPPER").to_owned());
    let context = with_secret(context, &moto, "there-is-none");
    let unreadable = "SECRET_ARN leads to no secret that can be read: ResourceNotFoundException";
    assert_eq!(start_error(&context).await, unreadable);
    let empty = moto.create("empty", None).await;
    assert_eq!(start_error(&with_secret(context, &moto, &empty)).await, unreadable);

    let malformed = "SECRET_ARN leads to a secret that is no JSON object of texts";
    for (n, (value, expected)) in [
        ("nonsense".to_owned(), malformed),
        (json!([key, pepper]).to_string(), malformed),
        (json!({"JWT_PRIVATE_KEY": 1, "PASSWORD_PEPPER": pepper}).to_string(), malformed),
        (
            json!({"PASSWORD_PEPPER": pepper}).to_string(),
            "JWT_PRIVATE_KEY is not in the secret of SECRET_ARN",
        ),
        (json!({"JWT_PRIVATE_KEY": key}).to_string(), "PASSWORD_PEPPER is not in the secret of SECRET_ARN"),
        (secrets::compose("", &pepper), "JWT_PRIVATE_KEY is not set"),
        (secrets::compose(&pepper, &pepper), "JWT_PRIVATE_KEY is not an Ed25519 private key in PKCS#8 PEM"),
        (secrets::compose(&key, "c2hvcnQ="), "PASSWORD_PEPPER is not base64 of 32 bytes or more"),
    ]
    .into_iter()
    .enumerate()
    {
        let arn = moto.create(&format!("malformed-{n}"), Some(&value)).await;
        let context = TestContext::new().await.with("JWT_PUBLIC_KEYS", &pair.public_jwks);
        assert_eq!(start_error(&with_secret(context, &moto, &arn)).await, expected);
    }
}

#[tokio::test]
async fn auth_gives_up_on_an_unresponsive_secrets_manager() {
    let unresponsive = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", unresponsive.local_addr().unwrap());
    let context = TestContext::new().await.with("SECRET_ARN", "arn");
    let context = context.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url);
    let expected = "SECRET_ARN leads to no secret that can be read: Secrets Manager gives no answer";
    let error = start_error(&context).await;
    assert!(error.starts_with(expected) && error.contains("timed out"), "{error}");
}

#[tokio::test]
async fn only_auth_reads_the_secret_and_only_when_its_arn_is_set() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let auth = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    assert_eq!(Client::of(auth.clone()).get("/.well-known/jwks.json").send().await.status, 200);
    let context =
        context.with("SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:bookshelf");
    let others = FUNCTIONS.iter().filter(|function| function.purpose.is_some() && function.name != "auth");
    for function in others {
        let environment = ExecutionEnvironment::start(function.name, context.variables()).await.unwrap();
        let unknown = Client::of(environment.clone()).get("/no/such/path").send().await;
        assert_eq!(unknown.status, 404, "{}", function.name);
    }
    let maintenance = ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap();
    maintenance.invoke(r#"{"task":"purge"}"#).await.unwrap();
    assert_eq!(moto.calls(), [""; 0]);
}
