//! `POST /auth/password` changes the password of the user who is signed in.
//!
//! It asks for the current password, under the same limits as a sign-in: who has stolen a session must not be able to
//! guess the password any faster. Every other session of the user ends with the change.

use std::borrow::Cow;

use axum::extract::State;
use axum::http::StatusCode;
use shared::http::openapi::{RateLimited, SignedIn as NeedsToken, Stored, WithJson};
use shared::http::{Caller, ClientNetwork, Error, JsonObject, Result};
use shared::identity::passwords::{Check, Hasher};
use shared::identity::sessions::SignedIn;
use shared::identity::usernames::{self, Username};
use shared::validation::{Fields, FieldsSchema, FromField as _, Raw};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::password_check::{Guess, PasswordCheck};
use crate::password_policy::{Password, PasswordPolicy};
use crate::security_log::Event;
use crate::store::{Credentials, Store};

/// A change of password.
pub(crate) struct PasswordChange {
    current_password: Password,
    new_password: Password,
}

impl PartialSchema for PasswordChange {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::object("A change of password.")
            .required::<Password>("current_password", "correct horse battery")
            .required::<PasswordPolicy>("new_password", "tr0ubador on a horse")
            .into()
    }
}

impl ToSchema for PasswordChange {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "PasswordChange".into()
    }
}

impl PasswordChange {
    fn read(fields: &mut Fields, policy: PasswordPolicy, user: &SignedIn) -> Option<Self> {
        let current_password = fields.required("current_password");
        let username = Username::from_field(Raw::Text(user.username.clone())).ok();
        let new_password = policy.read(fields, "new_password", username.as_ref());
        Some(Self { current_password: current_password?, new_password: new_password? })
    }
}

/// Change your password
///
/// Ends your other sessions. Wrong guesses at the current password count as at the sign-in.
#[utoipa::path(
    post, path = "/auth/password", tag = "auth", request_body = PasswordChange, security(("password" = [])),
    responses(
        (status = 204, description = "Changed; other sessions are over"),
        WithJson, NeedsToken, RateLimited, Stored,
    ),
)]
pub(crate) async fn change_password(
    State(store): State<Store>,
    State(passwords): State<PasswordCheck>,
    State(policy): State<PasswordPolicy>,
    Caller(user): Caller,
    network: ClientNetwork,
    body: JsonObject,
) -> Result<StatusCode> {
    let change = body.read(|fields| PasswordChange::read(fields, policy, &user))?;
    let name = usernames::key(&user.username);
    let found = store.find_credentials(&name, &network.to_string()).await?;
    // Who has stolen the session guesses as a stranger does, unless they are where its owner signed in.
    let knows_network = found.as_ref().is_some_and(|credentials| credentials.knows_network);
    let guess = Guess { event: "password", name: &name, network, is_known: found.is_some(), knows_network };
    let check = Box::pin(check_password(&passwords.hasher, found, &change.current_password));
    let replace = async |current: Credentials| {
        let hash = passwords.hasher.hash(&change.new_password.0).await?;
        Ok(store.change_password(&user, current.password_version, &hash).await?)
    };
    let changed = passwords.check_with_lockout(guess, check, replace).await?.ok_or_else(wrong_password)?;
    if !changed {
        // Somebody else changed it while it was checked.
        Event::new("password", "refused").reason("credentials_changed").user(user.user_id).record(network);
        return Err(wrong_password());
    }
    Event::new("password", "success").user(user.user_id).session(user.session_id).record(network);
    Ok(StatusCode::NO_CONTENT)
}

/// The credentials again, if `password` is theirs.
async fn check_password(
    hasher: &Hasher,
    found: Option<Credentials>,
    password: &Password,
) -> Result<Option<Credentials>> {
    let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let check = hasher.check(&password.0, hash).await?;
    Ok(found.filter(|_| check != Check::Wrong))
}

fn wrong_password() -> Error {
    Error::invalid("current_password", "is not your password")
}
