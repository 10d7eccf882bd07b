//! `POST /auth/login`

use axum::extract::State;
use shared::fields::{Fields, FromFields, Paragraph};
use shared::http::documented::{Stored, Throttled, WithGrant};
use shared::http::{Answer, ClientIp, Error, Form, Result};
use shared::limiter::MINUTE;
use shared::lockout::{Attempt, Entry, Rule};
use shared::passwords::Check;
use shared::tokens::Subject;
use shared::usernames;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::grant::{ABSOLUTE_LIMIT, Grants, TokenAnswer};
use crate::new_password::Password;
use crate::security_log::Event;
use crate::store::{Credentials, NewSession};

/// Wrong guesses at one name from one network.
const NAME_AND_IP: Rule = Rule::new("name-ip", 5, MINUTE.saturating_mul(15), MINUTE);
/// Wrong guesses at one name from anywhere.
const NAME: Rule = Rule::new("name", 50, MINUTE.saturating_mul(60), MINUTE);
/// Wrong guesses from one network at any name. A success does not wash it clean.
const IP: Rule = Rule::new("ip", 100, MINUTE.saturating_mul(15), MINUTE).kept_on_success();

/// The password grant (RFC 6749 §4.3.2).
#[derive(ToSchema)]
pub(crate) struct PasswordGrant {
    /// `password`, if it is sent at all.
    #[schema(value_type = Option<String>, example = "password")]
    grant_type: Option<Paragraph<100>>,
    #[schema(value_type = String, example = "ada")]
    username: Paragraph<1000>,
    #[schema(value_type = String, format = Password, example = "correct horse battery")]
    password: Password,
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
    responses((status = 200, description = "Tokens", body = TokenAnswer), WithGrant, Throttled, Stored),
)]
pub(crate) async fn log_in(
    State(app): State<App>,
    ip: ClientIp,
    Form(grant): Form<PasswordGrant>,
) -> Result<Answer<TokenAnswer>> {
    if grant.grant_type.is_some_and(|name| name.as_str() != "password") {
        return Err(Error::UnsupportedGrantType);
    }
    let name = usernames::key(grant.username.as_str());
    let attempt = reserve(&app, &name, ip).await?;
    match check(&app, &name, &grant.password).await {
        Ok(Some(credentials)) => {
            attempt.succeeded().await?;
            Ok(Answer(open_session(&app, &credentials, ip).await?))
        }
        Ok(None) => {
            attempt.failed().await?;
            Event::new("login", "refused").username(&name).record(ip);
            Err(Error::InvalidGrant)
        }
        Err(error) => {
            // A store is away: what could not be checked must not count as a guess.
            let _ = attempt.abandoned().await;
            Err(error)
        }
    }
}

/// Whose name and password these are, if they are anybody's who may sign in.
async fn check(app: &App, name: &str, password: &Password) -> Result<Option<Credentials>> {
    let credentials = app.store.find_credentials(name).await?;
    let kept = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
    let check = app.hasher.check(&password.0, kept).await?;
    let right = credentials.filter(|credentials| check != Check::Wrong && !credentials.disabled);
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

/// Reserves a guess before anything is hashed. A locked door answers exactly as a wrong password does.
async fn reserve(app: &App, name: &str, ip: ClientIp) -> Result<Attempt> {
    let address = ip.to_string();
    let guards = vec![
        app.lockout.guard(NAME_AND_IP, &[name, &address]),
        app.lockout.guard(NAME, &[name]),
        app.lockout.guard(IP, &[&address]),
    ];
    match app.lockout.begin(guards).await? {
        Entry::Open(attempt) => Ok(attempt),
        Entry::Locked(_) => {
            Event::new("login", "locked").username(name).record(ip);
            Err(Error::InvalidGrant)
        }
    }
}

async fn open_session(app: &App, credentials: &Credentials, ip: ClientIp) -> Result<TokenAnswer> {
    let now = OffsetDateTime::now_utc();
    let Credentials { user_id, role, .. } = credentials;
    let subject = Subject { user_id: *user_id, session_id: Uuid::now_v7(), role: role.clone() };
    let expires_at = now + ABSOLUTE_LIMIT;
    let refresh = Grants::new_refresh_token(role, now, expires_at);
    let token = app.grants.sign(*user_id, subject.session_id, &refresh);
    let session = NewSession { id: subject.session_id, user_id: *user_id, expires_at, ip: ip.to_string() };
    app.store.open_session(&session, &refresh, &token).await?;
    Event::new("login", "success").user(*user_id).session(session.id).record(ip);
    Ok(app.grants.answer(&subject, token, now))
}
