//! The text of an error of a store, for logs and reports: it says why, and holds no value of a row.
//!
//! The errors of clients often say only what failed, and their sources why: `tokio_postgres` says "db error", and the
//! server's message is one level down. So [`describe`] joins the messages of the whole chain. Of a response of Postgres
//! it takes the message and the SQLSTATE alone. The other fields of a response (DETAIL, HINT, WHERE) may hold values,
//! such as the username that is taken already.

use std::error::Error;
use std::iter;

use tokio_postgres::error::DbError;

/// Returns the messages of `error` and its sources, joined by colons, as in `error connecting to server: Connection
/// refused (os error 111)`, or the response of Postgres, as in `permission denied for table users (SQLSTATE 42501)`.
#[must_use]
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let mut messages: Vec<String> = Vec::new();
    for error in iter::successors(Some(error), |&error| error.source()) {
        let message = match error.downcast_ref() {
            Some(response) => describe_response(response),
            None if is_response(error) => continue,
            None => error.to_string(),
        };
        // Some errors repeat their sources in their own message.
        if messages.last().is_none_or(|before| !before.contains(&message)) {
            messages.push(message);
        }
    }
    messages.join(": ")
}

/// Tells whether the source of `error` is a response of Postgres.
fn is_response(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<tokio_postgres::Error>().is_some_and(|error| error.as_db_error().is_some())
}

/// The message and the SQLSTATE of a response. The messages of class 22 (data exception) quote the value that did not
/// fit, so they are left out.
fn describe_response(response: &DbError) -> String {
    let code = response.code().code();
    let message = if code.starts_with("22") { "a value was not accepted" } else { response.message() };
    format!("{message} (SQLSTATE {code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Link {
        message: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(messages: &[&'static str]) -> Link {
        let source = (messages.len() > 1).then(|| Box::new(chain(&messages[1..])));
        Link { message: messages[0], source }
    }

    #[test]
    fn the_reason_at_the_end_of_the_chain_is_told_and_none_is_told_twice() {
        assert_eq!(
            describe(&chain(&["no connection", "refused", "os error 111"])),
            "no connection: refused: os error 111"
        );
        assert_eq!(
            describe(&chain(&["no connection: refused", "refused", "os error 111"])),
            "no connection: refused: os error 111"
        );
    }
}
