//! The errors of the modules below, which know no HTTP, as errors of a request.

use super::Error;
use crate::identity::passwords;
use crate::protection::{limiter, lockout};
use crate::stores::{idempotent_write, postgres, redis};

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Unavailable(_) | postgres::Error::TooSlow(_) => {
                Self::Unavailable(error.to_string())
            }
            postgres::Error::UniqueViolation(_) | postgres::Error::Rejected(_) => {
                Self::Internal(error.to_string())
            }
        }
    }
}

impl From<idempotent_write::Error> for Error {
    fn from(error: idempotent_write::Error) -> Self {
        match error {
            idempotent_write::Error::Postgres(error) => error.into(),
            idempotent_write::Error::PayloadMismatch => Self::KeyReused,
        }
    }
}

impl From<redis::Unavailable> for Error {
    fn from(error: redis::Unavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<limiter::Unavailable> for Error {
    fn from(error: limiter::Unavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<lockout::Error> for Error {
    fn from(error: lockout::Error) -> Self {
        match error {
            lockout::Error::Redis(error) => error.into(),
            lockout::Error::Fallback(error) => error.into(),
        }
    }
}

impl From<passwords::Unfinished> for Error {
    fn from(error: passwords::Unfinished) -> Self {
        Self::Unavailable(error.to_string())
    }
}
