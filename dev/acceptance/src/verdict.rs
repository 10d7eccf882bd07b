//! What a check comes to.

/// A check that passed, with a note for the report, or the reason why it did not.
pub(crate) type Checked = Result<Note, NotPassed>;

/// What a passed check tells beside; empty if nothing.
pub(crate) type Note = String;

/// Why a check did not pass.
#[derive(Clone, Debug)]
pub(crate) enum NotPassed {
    /// What was expected, and what came.
    Failed(String),
    /// What the check lacked.
    NotRun(String),
}

impl NotPassed {
    /// For a check that needs what an earlier one should have made.
    pub(crate) fn without(what: &str) -> Self {
        Self::NotRun(format!("there is no {what}, see the checks above"))
    }
}

/// A check that passed and tells nothing beside.
pub(crate) const PASSED: Checked = Ok(Note::new());

/// Fails with this text, if it does not hold.
pub(crate) fn ensure(holds: bool, text: impl FnOnce() -> String) -> Result<(), NotPassed> {
    if holds { Ok(()) } else { Err(NotPassed::Failed(text())) }
}
