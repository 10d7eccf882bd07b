//! What is wrong with a response.

/// The reason why a response is not the expected one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A later attempt may succeed: a store or Lambda itself is not ready yet.
    Temporary(String),
    /// The version is not fit for traffic.
    Lasting(String),
}

impl Fault {
    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self::Lasting(reason.into())
    }

    pub(crate) fn temporary(reason: impl Into<String>) -> Self {
        Self::Temporary(reason.into())
    }

    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Temporary(reason) | Self::Lasting(reason) => reason,
        }
    }
}
