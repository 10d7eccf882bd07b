//! The SQL of accounts: registration, credentials, and changes of the password.

use shared::identity::sessions::SignedIn;
use shared::identity::usernames::Username;
use shared::stores::idempotent_write::{self, IdempotencyToken, WriteOutcome};
use shared::stores::postgres::{Error, Parameter};
use tokio_postgres::types::Type;

use super::handle::Store;

/// The role that an account is made with, as the schema has it.
const FIRST_ROLE: &str = "user";

/// An account that was just made.
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) role: String,
}

/// The data that a sign-in is checked against.
pub(crate) struct Credentials {
    pub(crate) user_id: i64,
    pub(crate) password_hash: String,
    /// How often the password was changed.
    pub(crate) password_version: i32,
    pub(crate) role: String,
    pub(crate) disabled: bool,
    /// Whether this user signed in from this network before.
    pub(crate) knows_network: bool,
}

impl Store {
    /// Makes an account, or finds the one that an earlier request with the same idempotency token made; `None` when
    /// the name is taken.
    pub(crate) async fn insert_user(
        &self,
        name: &Username,
        hash: &str,
        token: &IdempotencyToken,
    ) -> Result<Option<Account>, idempotent_write::Error> {
        const SQL: &str = "
            with account as (
                insert into users (username, username_key, password_hash)
                values ($1, $2, $3)
                on conflict (username_key) do nothing
                returning id, role
            ), recorded as (
                insert into idempotent_writes (id, validation, resource_id)
                select $4, $5, id from account where $4 is not null
            )
            select id, role from account";
        let parameters =
            &[(&name.as_str() as _, Type::TEXT), (&name.key() as _, Type::TEXT), (&hash as _, Type::TEXT)];
        Ok(match token.write(&self.postgres, SQL, parameters).await? {
            WriteOutcome::Written(rows) => {
                rows.first().map(|row| Account { id: row.get(0), role: row.get(1) })
            }
            WriteOutcome::Replayed(id) => Some(Account { id, role: FIRST_ROLE.to_owned() }),
        })
    }

    /// The credentials of the user with this name key, for a sign-in from `network`.
    pub(crate) async fn find_credentials(
        &self,
        name_key: &str,
        network: &str,
    ) -> Result<Option<Credentials>, Error> {
        const SQL: &str = "
            select id, password_hash, password_version, role, disabled,
                exists (select from sessions where sessions.user_id = users.id and sessions.ip = $2)
            from users
            where username_key = $1";
        let parameters = &[(&name_key as _, Type::TEXT), (&network as _, Type::TEXT)];
        let rows = self.postgres.read(SQL, parameters).await?;
        Ok(rows.first().map(|row| Credentials {
            user_id: row.get(0),
            password_hash: row.get(1),
            password_version: row.get(2),
            role: row.get(3),
            disabled: row.get(4),
            knows_network: row.get(5),
        }))
    }

    /// Replaces the hash `old` by `hash`, unless `old` was replaced meanwhile.
    pub(crate) async fn replace_hash(&self, user_id: i64, old: &str, hash: &str) -> Result<(), Error> {
        const SQL: &str = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        let parameters = &[(&user_id as _, Type::INT8), (&old as _, Type::TEXT), (&hash as _, Type::TEXT)];
        self.postgres.write(SQL, parameters).await.map(drop)
    }

    /// Stores `new_hash`, if the password that was proved still is the user's, and ends every session but this one.
    /// `false` where the password was changed by somebody else meanwhile.
    pub(crate) async fn change_password(
        &self,
        user: &SignedIn,
        proved_version: i32,
        new_hash: &str,
    ) -> Result<bool, Error> {
        // A sign-in locks the user's row until its session is there, so that is of an older epoch than the one that
        // begins here.
        const SQL: &str = "
            with changed as (
                update users set
                    password_hash = $3,
                    password_version = password_version + 1,
                    session_epoch = session_epoch + 1
                where id = $1 and password_version = $2
                returning id, session_epoch
            ), kept as (
                update sessions set epoch = changed.session_epoch
                from changed
                where sessions.id = $4 and sessions.user_id = changed.id
            )
            select from changed";
        let parameters: [Parameter<'_>; 4] = [
            (&user.user_id, Type::INT8),
            (&proved_version, Type::INT4),
            (&new_hash, Type::TEXT),
            (&user.session_id, Type::UUID),
        ];
        Ok(!self.postgres.write(SQL, &parameters).await?.is_empty())
    }
}
