//! The SQL of refresh token rotation: one transaction, under a lock on the session.
//!
//! The lock is taken by a statement of its own. A second request for the same session waits there, and its later
//! statements see what the first one committed.

use shared::identity::sessions::FIND_LIVE;
use shared::identity::tokens::Subject;
use shared::stores::postgres::{Error, Transaction};
use time::{Duration, OffsetDateTime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::handle::Store;
use crate::token_service::{RefreshToken, RefreshTokenRecord, digest};

/// The exchange of one refresh token, with a lock on its session until the transaction ends.
pub(crate) struct Rotation {
    transaction: Transaction,
    session_id: Uuid,
    /// The digest of the token that is to be exchanged.
    digest: Vec<u8>,
}

/// The state of a refresh token that somebody presents.
pub(crate) enum TokenState {
    /// The session has ended, or its user is disabled or gone.
    SessionEnded,
    /// The session has no such token.
    Unknown,
    /// It was never used. The session ends at `session_end`, however often it is used.
    Unused { subject: Subject, session_end: OffsetDateTime },
    /// It was used, by the database's clock that long ago, for this successor.
    Used { subject: Subject, ago: Duration, successor: RefreshTokenRecord },
}

/// A session that may be refreshed.
struct LiveSession {
    subject: Subject,
    expires_at: OffsetDateTime,
}

impl Store {
    /// Begins to exchange `token`, and locks its session.
    pub(crate) async fn begin_rotation(&self, session_id: Uuid, token: &str) -> Result<Rotation, Error> {
        const SQL: &str = "select from sessions where id = $1 for update";
        let mut transaction = self.postgres.begin().await?;
        transaction.run(SQL, &[(&session_id, Type::UUID)]).await?;
        Ok(Rotation { transaction, session_id, digest: digest(token) })
    }
}

impl Rotation {
    /// The state of the token, if it is this user's.
    pub(crate) async fn find_token(&mut self, user_id: i64) -> Result<TokenState, Error> {
        let Some(session) = self.find_session(user_id).await? else { return Ok(TokenState::SessionEnded) };
        let Some(row) = self.find_use().await? else { return Ok(TokenState::Unknown) };
        let LiveSession { subject, expires_at: session_end } = session;
        Ok(match row.get(0) {
            None => TokenState::Unused { subject, session_end },
            Some(age) => TokenState::Used {
                subject,
                ago: Duration::seconds_f64(age),
                successor: RefreshTokenRecord {
                    jti: row.get(1),
                    role: row.get(2),
                    issued_at: row.get(3),
                    expires_at: row.get(4),
                },
            },
        })
    }

    async fn find_session(&mut self, user_id: i64) -> Result<Option<LiveSession>, Error> {
        let session_id = self.session_id;
        let parameters = &[(&session_id as _, Type::UUID), (&user_id as _, Type::INT8)];
        let rows = self.transaction.run(FIND_LIVE, parameters).await?;
        Ok(rows.first().map(|row| LiveSession {
            subject: Subject { user_id, session_id, role: row.get(1) },
            expires_at: row.get(2),
        }))
    }

    /// The seconds since the token was used, null if it was not, and the columns of its successor's record.
    async fn find_use(&mut self) -> Result<Option<Row>, Error> {
        const SQL: &str = "
            select extract(epoch from clock_timestamp() - used.used_at)::float8,
                next.jti, next.role, next.issued_at, next.expires_at
            from refresh_tokens used
            left join refresh_tokens next on next.jti = used.successor
            where used.digest = $1 and used.session_id = $2";
        let parameters = &[(&self.digest as _, Type::BYTEA), (&self.session_id as _, Type::UUID)];
        Ok(self.transaction.run(SQL, parameters).await?.pop())
    }

    /// Marks the token as used, stores its successor, and commits.
    pub(crate) async fn exchange_for(mut self, successor: &RefreshToken) -> Result<(), Error> {
        const SQL: &str = "
            with used as (
                update refresh_tokens set used_at = now(), successor = $3
                where digest = $1 and used_at is null
                returning session_id
            ), touched as (
                update sessions set last_used_at = now() where id = (select session_id from used)
            )
            insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
            select $2, session_id, $3, $4, $5, $6 from used";
        let RefreshToken { record, text } = successor;
        let parameters = &[
            (&self.digest as _, Type::BYTEA),
            (&digest(text) as _, Type::BYTEA),
            (&record.jti as _, Type::UUID),
            (&record.role as _, Type::TEXT),
            (&record.issued_at as _, Type::TIMESTAMPTZ),
            (&record.expires_at as _, Type::TIMESTAMPTZ),
        ];
        self.transaction.run(SQL, parameters).await?;
        self.transaction.commit().await
    }

    /// Ends the whole session because of a reused token, and commits.
    pub(crate) async fn end_session(mut self) -> Result<(), Error> {
        const SQL: &str = "
            update sessions set ended_at = now(), end_reason = 'reuse'
            where id = $1 and ended_at is null";
        self.transaction.run(SQL, &[(&self.session_id, Type::UUID)]).await?;
        self.transaction.commit().await
    }

    /// Changes nothing and releases the lock.
    pub(crate) async fn roll_back(self) -> Result<(), Error> {
        self.transaction.roll_back().await
    }
}
