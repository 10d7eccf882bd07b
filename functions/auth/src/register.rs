//! `POST /auth/register` makes an account. With an idempotency key it can be repeated and makes one.

use std::borrow::Cow;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::http::openapi::{IdempotencyKey, Idempotent, RateLimited, Stored, WithClaim, WithJson};
use shared::http::{ClientNetwork, Error, JsonObject, JsonResponse, Result};
use shared::identity::passwords::Hasher;
use shared::identity::usernames::{self, Username};
use shared::stores::idempotent_write::IdempotencyToken;
use shared::validation::{Fields, FieldsSchema, FromField, Raw};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::password_policy::{Password, PasswordPolicy};
use crate::security_log::Event;
use crate::store::{Account, Store};

/// A wish for an account.
pub(crate) struct Registration {
    username: Username,
    password: Password,
}

impl PartialSchema for Registration {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::object("An account to create.")
            .required::<Username>("username", "ada")
            .required::<PasswordPolicy>("password", "correct horse battery")
            .ignored("role")
            .explained("role", "Has no effect: everybody begins as a `user`.")
            .into()
    }
}

impl ToSchema for Registration {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "Registration".into()
    }
}

impl Registration {
    fn read(fields: &mut Fields, policy: PasswordPolicy) -> Option<Self> {
        let username = fields.required("username");
        let password = policy.read(fields, "password", username.as_ref());
        // Clients of the Python original send a role; nobody chooses their own.
        let _ = fields.optional::<Ignored>("role");
        Some(Self { username: username?, password: password? })
    }
}

/// The name that a registration asks for, as it is compared with others.
pub(crate) fn name_in(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        username: String,
    }
    // Where a body may begin with a byte order mark, that is no part of the JSON.
    let json = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    serde_json::from_slice::<Named>(json).ok().map(|Named { username }| usernames::key(&username))
}

/// A value of any type, which has no effect.
struct Ignored;

impl FromField for Ignored {
    fn from_field(_: Raw) -> Result<Self, String> {
        Ok(Self)
    }
}

/// An account, as its owner may see it.
#[derive(Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = UserProfile)]
pub(crate) struct Profile {
    #[schema(minimum = 1, example = 1)]
    pub(crate) id: i64,
    #[schema(example = "ada")]
    pub(crate) username: String,
    /// `user` or `admin`.
    #[schema(example = "user")]
    pub(crate) role: String,
}

/// Create an account
///
/// Anybody may; the role is always `user`. Names that differ only in case are the same. Passwords that are easy to
/// guess are refused.
#[utoipa::path(
    post, path = "/auth/register", tag = "auth", request_body = Registration, params(IdempotencyKey),
    responses(
        (status = 201, description = "The account", body = Profile,
         headers((
             "Idempotency-Replayed" = bool, description = "`true` where this was done before; see Idempotency-Key"
         ))),
        WithJson, Idempotent, WithClaim, RateLimited, Stored,
    ),
)]
pub(crate) async fn register(
    State(store): State<Store>,
    State(hasher): State<Hasher>,
    State(policy): State<PasswordPolicy>,
    network: ClientNetwork,
    token: IdempotencyToken,
    body: JsonObject,
) -> Result<Response> {
    let Registration { username, password, .. } = body.read(|fields| Registration::read(fields, policy))?;
    let hash = hasher.hash(&password.0).await?;
    let Some(Account { id, role }) = store.insert_user(&username, &hash, &token).await? else {
        return Err(Error::Conflict("This username is taken."));
    };
    if !token.is_replay() {
        Event::new("register", "success").user(id).record(network);
    }
    let profile = Profile { id, username: username.as_str().to_owned(), role };
    Ok((StatusCode::CREATED, JsonResponse(profile)).into_response())
}
