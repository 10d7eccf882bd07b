//! `POST /auth/login`: the password grant of OAuth 2.0 (RFC 6749 §4.3).
//!
//! A name that nobody has costs as much time as a wrong password, and both get the same response, so that nobody can
//! find out which names exist. The session begins in one statement with its first refresh token, under the condition
//! that the password which was checked still is the user's.

use std::borrow::Cow;

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientNetwork, Error, Form, JsonResponse, Result};
use shared::identity::passwords::{Check, Hasher};
use shared::identity::tokens::Subject;
use shared::identity::usernames;
use shared::validation::{Fields, FieldsSchema, FromFields, MultilineText};
use time::OffsetDateTime;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::password_check::{Guess, PasswordCheck};
use crate::password_policy::Password;
use crate::security_log::Event;
use crate::store::{Credentials, NewSession, Store};
use crate::token_service::{ABSOLUTE_LIMIT, TokenResponse, TokenService};

/// The password grant (RFC 6749 §4.3.2).
pub(crate) struct PasswordGrant {
    /// `password`, if it is sent at all.
    grant_type: Option<MultilineText<100>>,
    username: MultilineText<1000>,
    password: Password,
}

impl PartialSchema for PasswordGrant {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::form("The password grant (RFC 6749 §4.3.2).")
            .constant("grant_type", "password")
            .explained("grant_type", "`password`, if it is sent at all.")
            .required::<MultilineText<1000>>("username", "ada")
            .required::<Password>("password", "correct horse battery")
            .into()
    }
}

impl ToSchema for PasswordGrant {
    // The published name, which generated clients know: it stays when the type is renamed.
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

/// Sign in with a name and a password
///
/// The password grant of OAuth 2.0 (RFC 6749 §4.3). The access token goes into the header `Authorization: Bearer …` and
/// is valid for ten minutes; `POST /auth/refresh` exchanges the refresh token for the next pair. After several wrong
/// passwords further attempts are refused for some minutes, with the same response.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth",
    request_body(content = PasswordGrant, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Tokens", body = TokenResponse), WithGrant),
)]
pub(crate) async fn log_in(
    State(store): State<Store>,
    State(passwords): State<PasswordCheck>,
    State(tokens): State<TokenService>,
    network: ClientNetwork,
    Form(grant): Form<PasswordGrant>,
) -> Result<JsonResponse<TokenResponse>> {
    if grant.grant_type.is_some_and(|name| name.as_str() != "password") {
        return Err(Error::UnsupportedGrantType);
    }
    let name = usernames::key(grant.username.as_str());
    let found = store.find_credentials(&name, &network.to_string()).await?;
    let knows_network = found.as_ref().is_some_and(|credentials| credentials.knows_network);
    let guess = Guess { event: "login", name: &name, network, is_known: found.is_some(), knows_network };
    // On the heap: together the two futures are large.
    let check = Box::pin(check_password(&store, &passwords.hasher, found, &grant.password));
    let open = async |credentials| open_session(&store, &tokens, credentials, network).await;
    let response = passwords.check_with_lockout(guess, check, open).await?;
    Ok(JsonResponse(response.ok_or(Error::InvalidGrant)?))
}

/// The credentials again, if the password is theirs and they may sign in. Takes as long where there are none.
async fn check_password(
    store: &Store,
    hasher: &Hasher,
    found: Option<Credentials>,
    password: &Password,
) -> Result<Option<Credentials>> {
    let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let check = hasher.check(&password.0, hash).await?;
    let right = found.filter(|credentials| check != Check::Wrong && !credentials.disabled);
    if let (Some(credentials), Check::RightNeedsRehash) = (&right, check)
        && let Err(error) = hash_again(store, hasher, credentials, password).await
    {
        tracing::warn!(?error, "a cheap hash was not replaced");
    }
    Ok(right)
}

/// Replaces a hash of a lower cost than is configured now, which only a sign-in can do: it has the password.
async fn hash_again(
    store: &Store,
    hasher: &Hasher,
    credentials: &Credentials,
    password: &Password,
) -> Result<()> {
    let hash = hasher.hash(&password.0).await?;
    Ok(store.replace_hash(credentials.user_id, &credentials.password_hash, &hash).await?)
}

async fn open_session(
    store: &Store,
    tokens: &TokenService,
    credentials: Credentials,
    network: ClientNetwork,
) -> Result<TokenResponse> {
    let now = OffsetDateTime::now_utc();
    let Credentials { user_id, role, password_version, .. } = credentials;
    let subject = Subject { user_id, session_id: Uuid::now_v7(), role };
    let expires_at = now + ABSOLUTE_LIMIT;
    let refresh_token = tokens.new_refresh_token(&subject, now, expires_at);
    let session = NewSession {
        id: subject.session_id,
        user_id,
        expires_at,
        network: network.to_string(),
        password_version,
    };
    if !store.open_session(&session, &refresh_token).await? {
        // The password was changed, or the user disabled, while it was checked.
        Event::new("login", "refused").reason("credentials_changed").user(user_id).record(network);
        return Err(Error::InvalidGrant);
    }
    Event::new("login", "success").user(user_id).session(session.id).record(network);
    Ok(tokens.response(&subject, refresh_token, now))
}
