//! Writes that take effect once, however often a client sends them.
//!
//! The middleware of the crate `idempotency` derives an [`IdempotencyToken`] from a request's `Idempotency-Key` and
//! puts it into the request. The handler writes through the token, with a statement that also inserts a row into
//! `idempotent_writes`. The primary key of that row makes a second write impossible, also after a crash and whatever
//! other stores lose. When a row is in the way, [`IdempotencyToken::write`] reads it: with the same validation the
//! write is a replay and the id of what the first one wrote is returned; with another it is a
//! [`Error::PayloadMismatch`]. Rows expire, and an expired one is deleted before the write is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::stores::postgres::{self, Parameter, Postgres};

/// Identifies a write that its client may repeat; empty for a request without an idempotency key.
#[derive(Debug, Clone, Default)]
pub struct IdempotencyToken(Option<Arc<Identified>>);

#[derive(Debug)]
struct Identified {
    id: String,
    validation: String,
    is_replay: AtomicBool,
}

/// The result of a write.
#[derive(Debug)]
pub enum WriteOutcome {
    /// It was written now; the rows that the statement returned.
    Written(Vec<Row>),
    /// It had been written before; the id of the resource that was written then.
    Replayed(i64),
}

/// The reason why a write was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is unavailable or rejected the statement.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// A write with another payload has used this id before.
    #[error("another write has this name")]
    PayloadMismatch,
}

impl IdempotencyToken {
    /// Identifies a write: `id` is the same for every repetition of a write and for no other; `validation` differs
    /// where the payload differs.
    #[must_use]
    pub fn new(id: String, validation: String) -> Self {
        Self(Some(Arc::new(Identified { id, validation, is_replay: AtomicBool::new(false) })))
    }

    /// The primary key of the row in `idempotent_writes`; `None` without an idempotency key.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.as_ref().map(|write| write.id.as_str())
    }

    /// The fingerprint of the payload, which tells a replay from another request with the same key.
    #[must_use]
    pub fn validation(&self) -> Option<&str> {
        self.0.as_ref().map(|write| write.validation.as_str())
    }

    /// Tells whether the write turned out to be a replay.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.0.as_ref().is_some_and(|write| write.is_replay.load(Ordering::Relaxed))
    }

    /// Runs a statement that writes something and, unless its last two parameters are null, a record of it:
    /// `insert into idempotent_writes (id, validation, resource_id) …`. Those two are added here.
    pub async fn write(
        &self,
        postgres: &Postgres,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<WriteOutcome, Error> {
        let (id, validation) = (self.id(), self.validation());
        let parameters = [parameters, &[(&id, Type::TEXT), (&validation, Type::TEXT)]].concat();
        let Some(write) = &self.0 else {
            return Ok(WriteOutcome::Written(postgres.write(sql, &parameters).await?));
        };
        match postgres.write(sql, &parameters).await {
            Ok(rows) if !rows.is_empty() => return Ok(WriteOutcome::Written(rows)),
            // A row is in the way. It may be the record that an earlier attempt of this write left.
            Ok(_) | Err(postgres::Error::UniqueViolation(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match write.find_record(postgres).await? {
            Some((validation, _)) if validation != write.validation => Err(Error::PayloadMismatch),
            Some((_, resource_id)) => {
                write.is_replay.store(true, Ordering::Relaxed);
                Ok(WriteOutcome::Replayed(resource_id))
            }
            // The record had expired, or the row in the way was another one.
            None => match postgres.write(sql, &parameters).await {
                // A concurrent request with the same token was faster; the next repetition finds its record.
                Err(error @ postgres::Error::UniqueViolation(_)) => {
                    Err(postgres::Error::Unavailable(error.to_string()).into())
                }
                written => Ok(WriteOutcome::Written(written?)),
            },
        }
    }
}

impl Identified {
    /// Returns the validation and the resource id of the record, and deletes a record that has expired.
    async fn find_record(&self, postgres: &Postgres) -> Result<Option<(String, i64)>, postgres::Error> {
        const SQL: &str = "
            with expired as (delete from idempotent_writes where id = $1 and expires_at <= now())
            select validation, resource_id from idempotent_writes where id = $1 and expires_at > now()";
        let rows = postgres.read(SQL, &[(&self.id, Type::TEXT)]).await?;
        Ok(rows.first().map(|row| (row.get(0), row.get(1))))
    }
}
