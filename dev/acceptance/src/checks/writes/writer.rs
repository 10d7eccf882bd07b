//! Who writes, and what was written.

use acceptance::run::Run;
use acceptance::verdict::NotPassed;

use crate::checks::auth::account::Account;

/// An account that writes books, and the books.
pub(crate) struct Writer<'a> {
    pub(crate) run: &'a Run,
    pub(crate) account: &'a Account,
    /// The ids of the books that the writer knows of.
    pub(crate) books: Vec<i64>,
}

impl<'a> Writer<'a> {
    /// A writer that has written nothing yet.
    pub(crate) fn of(run: &'a Run, account: &'a Account) -> Self {
        Self { run, account, books: Vec::new() }
    }

    /// The book that most checks use.
    pub(crate) fn book(&self) -> Result<i64, NotPassed> {
        self.books.first().copied().ok_or_else(|| NotPassed::without("book"))
    }

    /// The target of a list that holds the writer's books alone.
    pub(crate) fn own_list(&self) -> String {
        format!("/books?author={}&page_size=100", self.run.name)
    }
}
