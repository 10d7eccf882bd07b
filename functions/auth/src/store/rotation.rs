//! The SQL of refresh token rotation: one transaction, under a lock on the session, in two round trips.
//!
//! The lock is taken by a statement of its own. A second request for the same session waits there, and the statements
//! behind it, which have been sent along, see what the first one committed.

use shared::identity::sessions::FIND_LIVE;
use shared::identity::tokens::Subject;
use shared::stores::postgres::{Error, Parameter, Statement, Transaction};
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
    /// It was used, by the database's clock that long ago. `newest` is the token of its session that was not used, if
    /// there is one.
    Used { subject: Subject, ago: Duration, newest: Option<RefreshTokenRecord> },
}

impl Store {
    /// Begins to exchange `token` of this user, and locks its session. Returns the state of the token.
    pub(crate) async fn begin_rotation(
        &self,
        user_id: i64,
        session_id: Uuid,
        token: &str,
    ) -> Result<(Rotation, TokenState), Error> {
        const LOCK: &str = "select from sessions where id = $1 for update";
        // The seconds since the token was used, null if it was not, and the record of the session's newest token, which
        // is the one that was not used.
        const FIND_USE: &str = "
            select extract(epoch from clock_timestamp() - presented.used_at)::float8,
                newest.jti, newest.role, newest.issued_at, newest.expires_at
            from refresh_tokens presented
            left join refresh_tokens newest
                on newest.session_id = presented.session_id and newest.used_at is null
            where presented.digest = $1 and presented.session_id = $2";
        let digest = digest(token);
        let statements: [Statement<'_>; 3] = [
            (LOCK, &[(&session_id, Type::UUID)]),
            (FIND_LIVE, &[(&session_id, Type::UUID), (&user_id, Type::INT8)]),
            (FIND_USE, &[(&digest, Type::BYTEA), (&session_id, Type::UUID)]),
        ];
        let (transaction, [_, session, token]) = self.postgres.begin_with(statements).await?;
        let state = match (session.first(), token.first()) {
            (None, _) => TokenState::SessionEnded,
            (_, None) => TokenState::Unknown,
            (Some(session), Some(token)) => {
                let subject = Subject { user_id, session_id, role: session.get(1) };
                state_of(token, subject, session.get(2))
            }
        };
        Ok((Rotation { transaction, session_id, digest }, state))
    }
}

fn state_of(row: &Row, subject: Subject, session_end: OffsetDateTime) -> TokenState {
    match row.get(0) {
        None => TokenState::Unused { subject, session_end },
        Some(age) => TokenState::Used {
            subject,
            ago: Duration::seconds_f64(age),
            newest: row.get::<_, Option<Uuid>>(1).map(|jti| RefreshTokenRecord {
                jti,
                role: row.get(2),
                issued_at: row.get(3),
                expires_at: row.get(4),
            }),
        },
    }
}

impl Rotation {
    /// Marks the token as used, stores its successor, and commits.
    pub(crate) async fn exchange_for(self, successor: &RefreshToken) -> Result<(), Error> {
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
        let parameters: [Parameter<'_>; 6] = [
            (&self.digest, Type::BYTEA),
            (&digest(text), Type::BYTEA),
            (&record.jti, Type::UUID),
            (&record.role, Type::TEXT),
            (&record.issued_at, Type::TIMESTAMPTZ),
            (&record.expires_at, Type::TIMESTAMPTZ),
        ];
        self.transaction.commit_with((SQL, &parameters)).await.map(drop)
    }

    /// Ends the whole session because of a reused token, and commits.
    pub(crate) async fn end_session(self) -> Result<(), Error> {
        const SQL: &str = "
            update sessions set ended_at = now(), end_reason = 'reuse'
            where id = $1 and ended_at is null";
        self.transaction.commit_with((SQL, &[(&self.session_id, Type::UUID)])).await.map(drop)
    }

    /// Changes nothing and releases the lock.
    pub(crate) async fn roll_back(self) -> Result<(), Error> {
        self.transaction.roll_back().await
    }
}
