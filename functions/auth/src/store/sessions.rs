//! The SQL of sessions: how they begin, end and are listed.

use shared::stores::postgres::{Error, Parameter};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::handle::Store;
use crate::token_service::{IDLE_LIMIT, RefreshToken, digest};

/// The most live sessions of one user.
pub(crate) const LIVE_SESSIONS: i64 = 100;

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

/// A live session, as its owner may see it.
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_used_at: OffsetDateTime,
    pub(crate) network: String,
}

/// A session that is about to begin.
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: i64,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) network: String,
    /// The version of the password that was proved.
    pub(crate) password_version: i32,
}

impl Store {
    /// Begins a session together with its first refresh token, if the password that was proved still is the user's
    /// and they may still sign in. Ends the session that was unused longest if there are too many. Returns whether it
    /// began.
    pub(crate) async fn open_session(
        &self,
        session: &NewSession,
        token: &RefreshToken,
    ) -> Result<bool, Error> {
        // A statement of its own: the next one sees what was committed while this one waited for the user's row.
        const LOCK: &str = "select from users where id = $1 for no key update";
        const OPEN: &str = "
            with person as (
                select id, session_epoch from users
                where id = $2 and password_version = $10 and not disabled
            ), surplus as (
                update sessions set ended_at = now(), end_reason = 'surplus'
                where id in (
                    select sessions.id
                    from sessions
                    join person on person.id = sessions.user_id and person.session_epoch = sessions.epoch
                    where ended_at is null and expires_at > now()
                    order by last_used_at desc, sessions.id
                    offset $11 - 1
                    limit $11
                )
            ), session as (
                insert into sessions (id, user_id, expires_at, ip, epoch)
                select $1, id, $3, $4, session_epoch from person
                returning id
            )
            insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
            select $5, id, $6, $7, $8, $9 from session
            returning session_id";
        let (digest, record) = (digest(&token.text), &token.record);
        let parameters: [Parameter; 11] = [
            (&session.id, Type::UUID),
            (&session.user_id, Type::INT8),
            (&session.expires_at, Type::TIMESTAMPTZ),
            (&session.network, Type::TEXT),
            (&digest, Type::BYTEA),
            (&record.jti, Type::UUID),
            (&record.role, Type::TEXT),
            (&record.issued_at, Type::TIMESTAMPTZ),
            (&record.expires_at, Type::TIMESTAMPTZ),
            (&session.password_version, Type::INT4),
            (&LIVE_SESSIONS, Type::INT8),
        ];
        let lock: [Parameter; 1] = [(&session.user_id, Type::INT8)];
        let [_, opened] = self.postgres.transact([(LOCK, &lock), (OPEN, &parameters)]).await?;
        Ok(!opened.is_empty())
    }

    /// Ends a session of this user for `reason`. Returns whether it was alive.
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

    /// Ends every session of this user, however many there are: a new epoch begins.
    pub(crate) async fn end_all_sessions(&self, user_id: i64) -> Result<(), Error> {
        const SQL: &str = "update users set session_epoch = session_epoch + 1 where id = $1";
        self.postgres.write(SQL, &[(&user_id, Type::INT8)]).await.map(drop)
    }

    /// The live sessions of a user, the last used first. There are at most [`LIVE_SESSIONS`].
    pub(crate) async fn list_sessions(&self, user_id: i64) -> Result<Vec<SessionRow>, Error> {
        const SQL: &str = "
            select sessions.id, sessions.created_at, last_used_at, ip
            from sessions
            join users on users.id = sessions.user_id and users.session_epoch = sessions.epoch
            where user_id = $1
              and ended_at is null
              and expires_at > now()
              and last_used_at > now() - $2 * interval '1 second'
            order by last_used_at desc, sessions.id
            limit $3";
        let idle = IDLE_LIMIT.as_seconds_f64();
        let parameters =
            &[(&user_id as _, Type::INT8), (&idle as _, Type::FLOAT8), (&LIVE_SESSIONS as _, Type::INT8)];
        let rows = self.postgres.read(SQL, parameters).await?;
        let read = |row: &Row| SessionRow {
            id: row.get(0),
            created_at: row.get(1),
            last_used_at: row.get(2),
            network: row.get(3),
        };
        Ok(rows.iter().map(read).collect())
    }
}
