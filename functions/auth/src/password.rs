//! `POST /auth/password`

use std::borrow::Cow;

use axum::extract::State;
use axum::http::StatusCode;
use shared::http::openapi::{SignedIn as NeedsToken, Stored, Throttled, WithJson};
use shared::http::{Caller, ClientIp, Error, JsonObject, Result};
use shared::identity::passwords::Check;
use shared::identity::sessions::SignedIn;
use shared::identity::usernames::{self, Username};
use shared::validation::{Fields, FieldsSchema, FromField as _, Raw};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::guesses::{Guess, guarded};
use crate::new_password::{Password, Policy};
use crate::security_log::Event;
use crate::store::Credentials;

/// A change of password.
pub(crate) struct PasswordChange {
    current_password: Password,
    new_password: Password,
}

impl PartialSchema for PasswordChange {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::object("A change of password.")
            .required::<Password>("current_password", "correct horse battery")
            .required::<Policy>("new_password", "tr0ubador on a horse")
            .into()
    }
}

impl ToSchema for PasswordChange {
    fn name() -> Cow<'static, str> {
        "PasswordChange".into()
    }
}

impl PasswordChange {
    fn read(fields: &mut Fields, policy: Policy, user: &SignedIn) -> Option<Self> {
        let current_password = fields.required("current_password");
        let mut new_password = fields.required("new_password");
        let name = Username::from_field(Raw::Text(user.username.clone())).ok();
        let objection = new_password.as_ref().and_then(|password| policy.objection(password, name.as_ref()));
        if let Some(objection) = objection {
            new_password = fields.refuse("new_password", objection);
        }
        Some(Self { current_password: current_password?, new_password: new_password? })
    }
}

/// Changes your password and ends your other sessions. Wrong guesses at the current one count as on the login.
#[utoipa::path(
    post, path = "/auth/password", tag = "auth", request_body = PasswordChange, security(("password" = [])),
    responses((status = 204, description = "Changed; other sessions are over"), WithJson, NeedsToken, Throttled, Stored),
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    Caller(user): Caller,
    ip: ClientIp,
    body: JsonObject,
) -> Result<StatusCode> {
    let change = body.read(|fields| PasswordChange::read(fields, app.policy, &user))?;
    let name = usernames::key(&user.username);
    let guess = Guess { event: "password", name: &name, ip, known_here: true };
    let proof = guarded(&app, guess, Box::pin(prove(&app, &name, &change.current_password, ip))).await?;
    let current = proof.ok_or_else(wrong_password)?;
    let hash = app.hasher.hash(&change.new_password.0).await?;
    if !app.store.change_password(&user, current.password_version, &hash).await? {
        return Err(wrong_password());
    }
    Event::new("password", "success").user(user.user_id).session(user.session_id).record(ip);
    Ok(StatusCode::NO_CONTENT)
}

/// The credentials of `name`, if `password` is theirs.
async fn prove(app: &App, name: &str, password: &Password, ip: ClientIp) -> Result<Option<Credentials>> {
    let found = app.store.find_credentials(name, ip).await?;
    let kept = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let check = app.hasher.check(&password.0, kept).await?;
    Ok(found.filter(|_| check != Check::Wrong))
}

fn wrong_password() -> Error {
    Error::invalid("current_password", "is not your password")
}
