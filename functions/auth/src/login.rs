//! `POST /auth/login`

use std::borrow::Cow;

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientIp, Error, Form, JsonResponse, Result};
use shared::identity::passwords::Check;
use shared::identity::tokens::Subject;
use shared::identity::usernames;
use shared::validation::{Fields, FieldsSchema, FromFields, Paragraph};
use time::OffsetDateTime;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::App;
use crate::grant::{ABSOLUTE_LIMIT, Grants, TokenAnswer};
use crate::guesses::{Guess, guarded};
use crate::new_password::Password;
use crate::security_log::Event;
use crate::store::{Credentials, NewSession};

/// The password grant (RFC 6749 §4.3.2).
pub(crate) struct PasswordGrant {
    /// `password`, if it is sent at all.
    grant_type: Option<Paragraph<100>>,
    username: Paragraph<1000>,
    password: Password,
}

impl PartialSchema for PasswordGrant {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::form("The password grant (RFC 6749 §4.3.2).")
            .constant("grant_type", "password")
            .explained("grant_type", "`password`, if it is sent at all.")
            .required::<Paragraph<1000>>("username", "ada")
            .required::<Password>("password", "correct horse battery")
            .into()
    }
}

impl ToSchema for PasswordGrant {
    fn name() -> Cow<'static, str> {
        "PasswordGrant".into()
    }
}

impl FromFields for PasswordGrant {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let grant_type = fields.optional("grant_type");
        let username = fields.required("username");
        let password = fields.required("password");
        Some(Self { grant_type: grant_type?, username: username?, password: password? })
    }
}

/// Exchanges a name and a password for tokens.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth",
    request_body(content = PasswordGrant, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Tokens", body = TokenAnswer), WithGrant),
)]
pub(crate) async fn log_in(
    State(app): State<App>,
    ip: ClientIp,
    Form(grant): Form<PasswordGrant>,
) -> Result<JsonResponse<TokenAnswer>> {
    if grant.grant_type.is_some_and(|name| name.as_str() != "password") {
        return Err(Error::UnsupportedGrantType);
    }
    let name = usernames::key(grant.username.as_str());
    let credentials = app.store.find_credentials(&name, ip).await?;
    let known_here = credentials.as_ref().is_some_and(|credentials| credentials.known_here);
    let guess = Guess { event: "login", name: &name, ip, known_here };
    let credentials = guarded(&app, guess, Box::pin(check(&app, credentials, &grant.password))).await?;
    let credentials = credentials.ok_or(Error::InvalidGrant)?;
    Ok(JsonResponse(open_session(&app, &credentials, ip).await?))
}

/// The credentials again, if the password is theirs and they may sign in. Takes as long where there are none.
async fn check(app: &App, found: Option<Credentials>, password: &Password) -> Result<Option<Credentials>> {
    let kept = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let check = app.hasher.check(&password.0, kept).await?;
    let right = found.filter(|credentials| check != Check::Wrong && !credentials.disabled);
    if let (Some(credentials), Check::RightButCheap) = (&right, check)
        && let Err(error) = hash_again(app, credentials, password).await
    {
        tracing::warn!(?error, "a cheap hash was not replaced");
    }
    Ok(right)
}

async fn hash_again(app: &App, credentials: &Credentials, password: &Password) -> Result<()> {
    let hash = app.hasher.hash(&password.0).await?;
    Ok(app.store.replace_hash(credentials.user_id, &credentials.password_hash, &hash).await?)
}

async fn open_session(app: &App, credentials: &Credentials, ip: ClientIp) -> Result<TokenAnswer> {
    let now = OffsetDateTime::now_utc();
    let Credentials { user_id, role, password_version, .. } = credentials;
    let subject = Subject { user_id: *user_id, session_id: Uuid::now_v7(), role: role.clone() };
    let expires_at = now + ABSOLUTE_LIMIT;
    let refresh = Grants::new_refresh_token(role, now, expires_at);
    let token = app.grants.sign(*user_id, subject.session_id, &refresh);
    let session = NewSession {
        id: subject.session_id,
        user_id: *user_id,
        expires_at,
        ip: ip.to_string(),
        password_version: *password_version,
    };
    if !app.store.open_session(&session, &refresh, &token).await? {
        // The password was changed, or the user disabled, while it was checked.
        return Err(Error::InvalidGrant);
    }
    Event::new("login", "success").user(*user_id).session(session.id).record(ip);
    Ok(app.grants.answer(&subject, token, now))
}
