//! The error type of this crate and of the commands: a sentence for the person at the terminal, and an exit code.

use std::{error::Error as StdError, fmt};

/// What went wrong and, where there is one, the next step.
pub struct Error {
    message: String,
    exit_code: u8,
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 1 }
    }

    /// The same error followed by a hint at what to do.
    #[must_use]
    pub fn hint(self, hint: &str) -> Self {
        Self { message: format!("{}\n{hint}", self.message), ..self }
    }

    /// The person pressed Ctrl-C or the system asked us to end.
    #[must_use]
    pub fn interrupted() -> Self {
        Self { message: "interrupted".into(), exit_code: 130 }
    }

    /// What the program ends with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The same as `Display`, so that a test that ends with this error reads well.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

/// Puts what was being done in front of a foreign error.
pub trait Context<T> {
    /// `what` completes "cannot …".
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: StdError> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format!("cannot {what}: {}", with_sources(&error))))
    }
}

/// `tokio_postgres` says only "db error" itself; what the server said is one level down.
fn with_sources(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_message = inner.to_string();
        if !message.contains(&inner_message) {
            message = format!("{message}: {inner_message}");
        }
        source = inner.source();
    }
    message
}
