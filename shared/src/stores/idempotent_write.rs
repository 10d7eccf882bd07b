//! Writes that are done once, however often they are asked for.
//!
//! A write leaves a record beside what it wrote, by the same statement. The record's primary key makes a second write
//! impossible, also after a crash and whatever other stores forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::stores::postgres::{self, Parameter, Postgres};

/// Names a write whose sender may repeat it; blank for the others.
#[derive(Debug, Clone, Default)]
pub struct Ticket(Option<Arc<Named>>);

#[derive(Debug)]
struct Named {
    id: String,
    validation: String,
    is_repetition: AtomicBool,
}

/// What became of a write.
#[derive(Debug)]
pub enum Outcome {
    /// It is done; the rows that the statement returned.
    Done(Vec<Row>),
    /// It was done before, and this is the id of what was written.
    DoneBefore(i64),
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database gave no answer, or refused.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// Something else was written under this name before.
    #[error("another write has this name")]
    OtherContent,
}

impl Ticket {
    /// Names a write: `id` is the same for every repetition and for nothing else, `validation` differs where what is
    /// to be written differs.
    #[must_use]
    pub fn new(id: String, validation: String) -> Self {
        Self(Some(Arc::new(Named { id, validation, is_repetition: AtomicBool::new(false) })))
    }

    /// What names the write.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.as_ref().map(|named| named.id.as_str())
    }

    /// What tells writes of one name apart.
    #[must_use]
    pub fn validation(&self) -> Option<&str> {
        self.0.as_ref().map(|named| named.validation.as_str())
    }

    /// Whether the write turned out to have been done before.
    #[must_use]
    pub fn is_repetition(&self) -> bool {
        self.0.as_ref().is_some_and(|named| named.is_repetition.load(Ordering::Relaxed))
    }

    /// Runs a statement that writes something and, unless its last two parameters are null, a record of it:
    /// `insert into idempotent_writes (id, validation, resource_id) …`. Those two are added here.
    pub async fn write(
        &self,
        postgres: &Postgres,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Outcome, Error> {
        let (id, validation) = (self.id(), self.validation());
        let parameters = [parameters, &[(&id, Type::TEXT), (&validation, Type::TEXT)]].concat();
        let Some(named) = &self.0 else {
            return Ok(Outcome::Done(postgres.write(sql, &parameters).await?));
        };
        match postgres.write(sql, &parameters).await {
            Ok(rows) if !rows.is_empty() => return Ok(Outcome::Done(rows)),
            // Something stood in the way, and that may be what the first try wrote.
            Ok(_) | Err(postgres::Error::Taken(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match named.find(postgres).await? {
            Some((validation, _)) if validation != named.validation => Err(Error::OtherContent),
            Some((_, resource_id)) => {
                named.is_repetition.store(true, Ordering::Relaxed);
                Ok(Outcome::DoneBefore(resource_id))
            }
            // It was in the way and had expired, or it is no matter of a record at all.
            None => match postgres.write(sql, &parameters).await {
                // Somebody with the same ticket was faster; the next repetition finds what they wrote.
                Err(error @ postgres::Error::Taken(_)) => {
                    Err(postgres::Error::Unavailable(error.to_string()).into())
                }
                written => Ok(Outcome::Done(written?)),
            },
        }
    }
}

impl Named {
    /// The record's validation and what was written; removes a record that has expired.
    async fn find(&self, postgres: &Postgres) -> Result<Option<(String, i64)>, postgres::Error> {
        const SQL: &str = "
            with expired as (delete from idempotent_writes where id = $1 and expires_at <= now())
            select validation, resource_id from idempotent_writes where id = $1 and expires_at > now()";
        let rows = postgres.read(SQL, &[(&self.id, Type::TEXT)]).await?;
        Ok(rows.first().map(|row| (row.get(0), row.get(1))))
    }
}
