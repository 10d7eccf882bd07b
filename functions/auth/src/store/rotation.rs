//! The SQL of refresh token rotation: one transaction, under a lock on the session.

use shared::identity::sessions::FIND_LIVE;
use shared::stores::postgres::{Error, Transaction};
use time::{Duration, OffsetDateTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Store;
use crate::grant::{RefreshToken, digest};

/// The exchange of one refresh token, holding a lock on its session until it is settled.
pub(crate) struct Rotation {
    transaction: Transaction,
    session_id: Uuid,
}

/// A session that may be refreshed.
pub(crate) struct LiveSession {
    pub(crate) role: String,
    pub(crate) expires_at: OffsetDateTime,
}

/// What became of a refresh token so far.
pub(crate) enum Use {
    /// It was never used.
    Unused,
    /// It was used, by the database's clock that long ago, for this successor.
    Exchanged { ago: Duration, successor: RefreshToken },
}

impl Rotation {
    /// Locks the session. Whoever comes second sees, in the statements after, what the first one did.
    pub(crate) async fn begin(store: &Store, session_id: Uuid) -> Result<Self, Error> {
        const SQL: &str = "select from sessions where id = $1 for update";
        let mut transaction = store.postgres.begin().await?;
        transaction.run(SQL, &[(&session_id, Type::UUID)]).await?;
        Ok(Self { transaction, session_id })
    }

    /// The session, unless it has ended or its user is disabled or gone.
    pub(crate) async fn live_session(&mut self, user_id: i64) -> Result<Option<LiveSession>, Error> {
        let parameters = &[(&self.session_id as _, Type::UUID), (&user_id as _, Type::INT8)];
        let rows = self.transaction.run(FIND_LIVE, parameters).await?;
        Ok(rows.first().map(|row| LiveSession { role: row.get(1), expires_at: row.get(2) }))
    }

    /// What became of the token, if it is one of this session's.
    pub(crate) async fn find_use(&mut self, digest: &[u8]) -> Result<Option<Use>, Error> {
        const SQL: &str = "
            select extract(epoch from clock_timestamp() - used.used_at)::float8,
                next.jti, next.role, next.issued_at, next.expires_at
            from refresh_tokens used
            left join refresh_tokens next on next.jti = used.successor
            where used.digest = $1 and used.session_id = $2";
        let parameters = &[(&digest as _, Type::BYTEA), (&self.session_id as _, Type::UUID)];
        let rows = self.transaction.run(SQL, parameters).await?;
        Ok(rows.first().map(|row| match row.get(0) {
            None => Use::Unused,
            Some(age) => Use::Exchanged {
                ago: Duration::seconds_f64(age),
                successor: RefreshToken {
                    jti: row.get(1),
                    role: row.get(2),
                    issued_at: row.get(3),
                    expires_at: row.get(4),
                },
            },
        }))
    }

    /// Marks the token as used, keeps its successor, and commits.
    pub(crate) async fn exchange(
        mut self,
        digest_of_used: &[u8],
        successor: &RefreshToken,
        token: &str,
    ) -> Result<(), Error> {
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
        let parameters = &[
            (&digest_of_used as _, Type::BYTEA),
            (&digest(token) as _, Type::BYTEA),
            (&successor.jti as _, Type::UUID),
            (&successor.role as _, Type::TEXT),
            (&successor.issued_at as _, Type::TIMESTAMPTZ),
            (&successor.expires_at as _, Type::TIMESTAMPTZ),
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

    /// Changes nothing and lets go of the session.
    pub(crate) async fn give_up(self) -> Result<(), Error> {
        self.transaction.roll_back().await
    }
}
