// part of auth

//! The API used by other programs: OAuth clients in two languages, and tokens forged with `PyJWT`.
//!
//! The Rust client is the crate `oauth2`. The Python programs are in `clients/`, with their packages pinned.

use std::io;
use std::time::Duration;

use oauth2::basic::{
    BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenResponse, BasicTokenType,
};
use oauth2::http::Request;
use oauth2::{
    AccessToken, ClientId, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RefreshToken,
    RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, RevocationUrl, StandardRevocableToken,
    TokenResponse as _, TokenUrl,
};
use stack::http::{exchange, send};
use stack::local_api::LocalApi;
use tokio::time::sleep;

use crate::scripts;

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test(flavor = "multi_thread")]
async fn three_oauth_clients_sign_in_refresh_revoke_and_raise_their_own_errors() {
    let api = crate::start_api().await;
    let shelf_app = ShelfApp::of(&api).await;
    shelf_app.signs_in_refreshes_and_revokes().await;
    shelf_app.reports_errors().await;
    // Uses up the quota of the login, which the Rust client then meets.
    run(&api, "sign_in.py").await;
    shelf_app.reports_the_rate_limit().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_forged_with_other_libraries_grant_no_access() {
    let api = crate::start_api().await;
    tokio::select! {
        () = run(&api, "hostile.py") => {}
        () = reset_the_quota_repeatedly(&api) => {}
    }
    api.stop().await;
}

/// Runs a script in `clients/` against the API. Fails with its output if the script fails.
async fn run(api: &LocalApi, script: &str) {
    let arguments = [api.url(), api.stack().env_file().display().to_string()];
    let printed = scripts::run("clients", script, &arguments).await.unwrap_or_else(|error| panic!("{error}"));
    println!("{script}: {printed}");
}

/// Deletes the counted requests every 50 ms: a thousand tokens would otherwise take ten minutes. Never returns.
async fn reset_the_quota_repeatedly(api: &LocalApi) {
    let client = redis::Client::open(api.stack().redis_admin_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    loop {
        let logs: Vec<String> =
            redis::cmd("KEYS").arg("*limit:default:*").query_async(&mut redis).await.unwrap();
        // One by one: a command on keys of several slots is refused in a cluster.
        for log in logs {
            redis::cmd("UNLINK").arg(log).exec_async(&mut redis).await.unwrap();
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// The crate's own client, with a token endpoint and a revocation endpoint.
type Oauth2 = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointSet>;
type Refusal = RequestTokenError<io::Error, BasicErrorResponse>;

/// A program that uses the crate `oauth2` as it comes.
struct ShelfApp {
    url: String,
    login: Oauth2,
    refresh: Oauth2,
    username: ResourceOwnerUsername,
}

impl ShelfApp {
    /// Registers a user, under a name that no earlier run took.
    async fn of(api: &LocalApi) -> Self {
        let client = |token_endpoint: &str| {
            let token_url = TokenUrl::new(format!("{}{token_endpoint}", api.url())).unwrap();
            // The crate insists on https here; `transport` takes it off, as a gateway does.
            let revocation_url = format!("{}/auth/revoke", api.url().replace("http:", "https:"));
            BasicClient::new(ClientId::new("shelf-app".to_owned()))
                .set_token_uri(token_url)
                .set_revocation_url(RevocationUrl::new(revocation_url).unwrap())
        };
        let username = format!("oauth2-{}", uuid::Uuid::new_v4().simple());
        let registration = serde_json::json!({ "username": username, "password": PASSWORD }).to_string();
        let response = send("POST", &format!("{}/auth/register", api.url()), &registration).await.unwrap();
        assert_eq!(response.status, 201, "{response:?}");
        Self {
            url: api.url(),
            login: client("/auth/login"),
            refresh: client("/auth/refresh"),
            username: ResourceOwnerUsername::new(username),
        }
    }

    async fn sign_in(&self, password: &str) -> Result<BasicTokenResponse, Refusal> {
        let password = ResourceOwnerPassword::new(password.to_owned());
        self.login.exchange_password(&self.username, &password).request_async(&transport).await
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<BasicTokenResponse, Refusal> {
        self.refresh.exchange_refresh_token(token).request_async(&transport).await
    }

    async fn revoke(&self, token: StandardRevocableToken) {
        self.login.revoke_token(token).unwrap().request_async(&transport).await.unwrap();
    }

    async fn status_of_me(&self, token: &AccessToken) -> u16 {
        let request = Request::get(format!("{}/auth/me", self.url));
        let request = request.header("authorization", format!("Bearer {}", token.secret()));
        exchange(request.body(Vec::new()).unwrap()).await.unwrap().status().as_u16()
    }

    /// Signs in, refreshes and revokes; afterwards no token is valid.
    async fn signs_in_refreshes_and_revokes(&self) {
        let tokens = self.sign_in(PASSWORD).await.unwrap();
        assert_eq!(*tokens.token_type(), BasicTokenType::Bearer);
        assert_eq!(tokens.expires_in(), Some(Duration::from_mins(10)));
        let renewed = self.refresh(tokens.refresh_token().unwrap()).await.unwrap();
        assert_ne!(renewed.access_token().secret(), tokens.access_token().secret());
        assert_eq!(self.status_of_me(renewed.access_token()).await, 200);
        let last = renewed.refresh_token().unwrap();
        self.revoke(last.into()).await;
        assert_eq!(self.status_of_me(renewed.access_token()).await, 401);
        assert_eq!(code_of(self.refresh(last).await), BasicErrorResponseType::InvalidGrant);
        // Revoking an invalid token is no error (RFC 7009 §2.2).
        self.revoke(last.into()).await;
    }

    /// A wrong password is reported; a session ends when its access token is revoked.
    async fn reports_errors(&self) {
        assert_eq!(code_of(self.sign_in("not the password").await), BasicErrorResponseType::InvalidGrant);
        let tokens = self.sign_in(PASSWORD).await.unwrap();
        self.revoke(AccessToken::new("x.y.z".to_owned()).into()).await;
        assert_eq!(self.status_of_me(tokens.access_token()).await, 200, "only an unknown token was revoked");
        self.revoke(tokens.access_token().into()).await;
        let refused = self.refresh(tokens.refresh_token().unwrap()).await;
        assert_eq!(code_of(refused), BasicErrorResponseType::InvalidGrant);
    }

    /// The right password is refused when the quota is used up.
    async fn reports_the_rate_limit(&self) {
        let code = BasicErrorResponseType::Extension("temporarily_unavailable".to_owned());
        assert_eq!(code_of(self.sign_in(PASSWORD).await), code);
    }
}

/// The error code that the crate read. Anything but its `ServerResponse` means that it could not read the response.
fn code_of(outcome: Result<BasicTokenResponse, Refusal>) -> BasicErrorResponseType {
    match outcome {
        Err(RequestTokenError::ServerResponse(refusal)) => refusal.error().clone(),
        Err(other) => panic!("the client could not read the response: {other:?}"),
        Ok(_) => panic!("this should have been refused"),
    }
}

async fn transport(request: HttpRequest) -> io::Result<HttpResponse> {
    let (mut parts, body) = request.into_parts();
    parts.uri = parts.uri.to_string().replace("https:", "http:").parse().map_err(io::Error::other)?;
    exchange(Request::from_parts(parts, body)).await
}
