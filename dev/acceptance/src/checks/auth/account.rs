//! An account of the run.

use acceptance::client::Client;
use acceptance::request::Request;
use acceptance::response::Response;
use acceptance::verdict::NotPassed;
use serde_json::json;
use uuid::Uuid;

/// A user with one session at most.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) session: Option<Session>,
}

/// The tokens of a session.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Account {
    pub(crate) fn new(name: String, password: &str) -> Self {
        Self { name, password: password.to_owned(), session: None }
    }

    /// Asks for this account to be made.
    pub(crate) async fn register(&self, client: &Client) -> Result<Response, NotPassed> {
        let body = json!({"username": self.name, "password": self.password});
        // With a key, because the client repeats what was answered 503.
        let key = Uuid::new_v4().to_string();
        client.send(&Request::post("/auth/register").json(&body).header("idempotency-key", &key)).await
    }

    /// Tries to sign in with this password; keeps no tokens.
    pub(crate) async fn try_password(&self, client: &Client, password: &str) -> Result<Response, NotPassed> {
        let form = [("grant_type", "password"), ("username", &*self.name), ("password", password)];
        client.send(&Request::post("/auth/login").form(&form)).await
    }

    /// Opens another session. The account goes on with its former one.
    pub(crate) async fn open_session(&self, client: &Client) -> Result<Session, NotPassed> {
        let response = self.try_password(client, &self.password).await?;
        Ok(Session::of(response.expect(200)?))
    }

    /// The access token.
    pub(crate) fn access(&self) -> Result<&str, NotPassed> {
        self.session.as_ref().map(|session| &*session.access).ok_or_else(|| NotPassed::without("session"))
    }
}

impl Session {
    /// The tokens in the response of a sign-in or a refresh.
    pub(crate) fn of(response: &Response) -> Self {
        Self { access: response.text("access_token"), refresh: response.text("refresh_token") }
    }

    /// Who the access token says that the caller is.
    pub(crate) async fn me(&self, client: &Client) -> Result<Response, NotPassed> {
        client.send(&Request::get("/auth/me").bearer(&self.access)).await
    }

    /// Presents the refresh token.
    pub(crate) async fn refresh(&self, client: &Client) -> Result<Response, NotPassed> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*self.refresh)];
        client.send(&Request::post("/auth/refresh").form(&form)).await
    }

    /// Fails unless neither token is worth anything.
    pub(crate) async fn expect_over(&self, client: &Client) -> Result<(), NotPassed> {
        self.me(client).await?.expect_refused_token(401, "invalid_token")?;
        self.refresh(client).await?.expect_invalid_grant()?;
        Ok(())
    }
}
