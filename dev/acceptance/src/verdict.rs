//! What a check comes to.

/// A check that passed, with a note for the report, or the reason why it did not.
pub type Checked = Result<Note, NotPassed>;

/// What a passed check tells beside; empty if nothing.
pub type Note = String;

/// Why a check did not pass.
#[derive(Clone, Debug)]
pub enum NotPassed {
    /// What was expected, and what came.
    Failed(String),
    /// What the check lacked.
    NotRun(String),
}

impl NotPassed {
    /// For a check that needs what an earlier one should have made.
    #[must_use]
    pub fn without(what: &str) -> Self {
        Self::NotRun(format!("there is no {what}, see the checks above"))
    }
}

/// A check that passed and tells nothing beside.
pub const PASSED: Checked = Ok(Note::new());

/// Fails with this text, if it does not hold.
pub fn ensure(holds: bool, text: impl FnOnce() -> String) -> Result<(), NotPassed> {
    if holds { Ok(()) } else { Err(NotPassed::Failed(text())) }
}
