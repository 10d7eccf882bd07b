//! The SQL of accounts and sessions.

mod rotation;

use shared::http::ClientIp;
use shared::identity::sessions::SignedIn;
use shared::identity::usernames::Username;
use shared::stores::idempotent_write::{self, IdempotencyToken, WriteOutcome};
use shared::stores::postgres::{Error, Parameter, Postgres};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::grant::{IDLE_LIMIT, RefreshToken, digest};

pub(crate) use rotation::{Rotation, Use};

/// Keeps accounts and sessions.
#[derive(Clone)]
pub(crate) struct Store {
    postgres: Postgres,
}

/// Why a session ended, as the database has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndReason {
    /// Its owner signed out of it.
    Logout,
    /// A client revoked one of its tokens.
    Revoked,
}

impl EndReason {
    fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
        }
    }
}

/// The role that an account is made with, as the schema has it.
const FIRST_ROLE: &str = "user";

/// An account that was just made.
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) role: String,
}

/// What a sign-in is checked against.
pub(crate) struct Credentials {
    pub(crate) user_id: i64,
    pub(crate) password_hash: String,
    /// How often the password was changed.
    pub(crate) password_version: i32,
    pub(crate) role: String,
    pub(crate) disabled: bool,
    /// Whether this user signed in from this network before.
    pub(crate) known_here: bool,
}

/// A live session, as its owner may see it.
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_used_at: OffsetDateTime,
    pub(crate) ip: String,
}

/// A session that is about to begin.
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: i64,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) ip: String,
    /// The version of the password that was proved.
    pub(crate) password_version: i32,
}

impl Store {
    pub(crate) fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }

    /// Makes an account, or finds the one that `ticket` stands for; `None` when the name is taken.
    pub(crate) async fn insert_user(
        &self,
        name: &Username,
        hash: &str,
        ticket: &IdempotencyToken,
    ) -> Result<Option<Account>, idempotent_write::Error> {
        const SQL: &str = "
            with account as (
                insert into users (username, username_key, password_hash)
                values ($1, $2, $3)
                on conflict (username_key) do nothing
                returning id, role
            ), signed as (
                insert into idempotent_writes (id, validation, resource_id)
                select $4, $5, id from account where $4 is not null
            )
            select id, role from account";
        let parameters =
            &[(&name.as_str() as _, Type::TEXT), (&name.key() as _, Type::TEXT), (&hash as _, Type::TEXT)];
        Ok(match ticket.write(&self.postgres, SQL, parameters).await? {
            WriteOutcome::Written(rows) => {
                rows.first().map(|row| Account { id: row.get(0), role: row.get(1) })
            }
            WriteOutcome::Replayed(id) => Some(Account { id, role: FIRST_ROLE.to_owned() }),
        })
    }

    pub(crate) async fn find_credentials(
        &self,
        name_key: &str,
        ip: ClientIp,
    ) -> Result<Option<Credentials>, Error> {
        const SQL: &str = "
            select id, password_hash, password_version, role, disabled,
                exists (select from sessions where sessions.user_id = users.id and sessions.ip = $2)
            from users
            where username_key = $1";
        let parameters = &[(&name_key as _, Type::TEXT), (&ip.to_string() as _, Type::TEXT)];
        let rows = self.postgres.read(SQL, parameters).await?;
        Ok(rows.first().map(|row| Credentials {
            user_id: row.get(0),
            password_hash: row.get(1),
            password_version: row.get(2),
            role: row.get(3),
            disabled: row.get(4),
            known_here: row.get(5),
        }))
    }

    /// Keeps `hash` instead of `old`, unless that was replaced meanwhile.
    pub(crate) async fn replace_hash(&self, user_id: i64, old: &str, hash: &str) -> Result<(), Error> {
        const SQL: &str = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        let parameters = &[(&user_id as _, Type::INT8), (&old as _, Type::TEXT), (&hash as _, Type::TEXT)];
        self.postgres.write(SQL, parameters).await.map(drop)
    }

    /// Begins a session together with its first refresh token, if the password that was proved still is the user's
    /// and they may still sign in. Whether it began.
    pub(crate) async fn open_session(
        &self,
        session: &NewSession,
        refresh: &RefreshToken,
        token: &str,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            with session as (
                insert into sessions (id, user_id, expires_at, ip)
                select $1, id, $3, $4 from users
                where id = $2 and password_version = $10 and not disabled
                for share
                returning id
            )
            insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
            select $5, id, $6, $7, $8, $9 from session
            returning session_id";
        let digest = digest(token);
        let parameters: [Parameter; 10] = [
            (&session.id, Type::UUID),
            (&session.user_id, Type::INT8),
            (&session.expires_at, Type::TIMESTAMPTZ),
            (&session.ip, Type::TEXT),
            (&digest, Type::BYTEA),
            (&refresh.jti, Type::UUID),
            (&refresh.role, Type::TEXT),
            (&refresh.issued_at, Type::TIMESTAMPTZ),
            (&refresh.expires_at, Type::TIMESTAMPTZ),
            (&session.password_version, Type::INT4),
        ];
        Ok(!self.postgres.write(SQL, &parameters).await?.is_empty())
    }

    /// Ends a session of this user for `reason`. Whether it was alive.
    pub(crate) async fn end_session(
        &self,
        user_id: i64,
        session_id: Uuid,
        reason: EndReason,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            update sessions set ended_at = now(), end_reason = $3
            where id = $1 and user_id = $2 and ended_at is null and expires_at > now()
            returning id";
        let parameters =
            &[(&session_id as _, Type::UUID), (&user_id as _, Type::INT8), (&reason.name() as _, Type::TEXT)];
        Ok(!self.postgres.write(SQL, parameters).await?.is_empty())
    }

    /// The live sessions of a user, the last used first, at most `limit`.
    pub(crate) async fn list_sessions(&self, user_id: i64, limit: i64) -> Result<Vec<SessionRow>, Error> {
        const SQL: &str = "
            select id, created_at, last_used_at, ip
            from sessions
            where user_id = $1
              and ended_at is null
              and expires_at > now()
              and last_used_at > now() - $3 * interval '1 second'
            order by last_used_at desc, id
            limit $2";
        let idle = IDLE_LIMIT.as_seconds_f64();
        let parameters =
            &[(&user_id as _, Type::INT8), (&limit as _, Type::INT8), (&idle as _, Type::FLOAT8)];
        let rows = self.postgres.read(SQL, parameters).await?;
        let read = |row: &Row| SessionRow {
            id: row.get(0),
            created_at: row.get(1),
            last_used_at: row.get(2),
            ip: row.get(3),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Keeps `new_hash`, if the password that was proved still is the user's, and ends every session but this one, both
    /// or neither. `false` where the password was changed by somebody else meanwhile.
    pub(crate) async fn change_password(
        &self,
        user: &SignedIn,
        proved_version: i32,
        new_hash: &str,
    ) -> Result<bool, Error> {
        const CHANGE: &str = "
            update users set password_hash = $3, password_version = password_version + 1
            where id = $1 and password_version = $2
            returning id";
        // A statement of its own, which sees what was committed while the first one waited: a sign-in shares the user's
        // row until its session is there.
        const END: &str = "
            update sessions set ended_at = now(), end_reason = 'password'
            where user_id = $1 and id <> $2 and ended_at is null";
        let mut transaction = self.postgres.begin().await?;
        let change = &[
            (&user.user_id as _, Type::INT8),
            (&proved_version as _, Type::INT4),
            (&new_hash as _, Type::TEXT),
        ];
        if transaction.run(CHANGE, change).await?.is_empty() {
            transaction.roll_back().await?;
            return Ok(false);
        }
        transaction.run(END, &[(&user.user_id, Type::INT8), (&user.session_id, Type::UUID)]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    pub(crate) async fn end_all_sessions(&self, user_id: i64) -> Result<(), Error> {
        const SQL: &str = "
            update sessions set ended_at = now(), end_reason = 'logout_all'
            where user_id = $1 and ended_at is null";
        self.postgres.write(SQL, &[(&user_id, Type::INT8)]).await.map(drop)
    }
}
