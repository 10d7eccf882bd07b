// part of auth and books
//! Books that are written with an account.

mod cleanup;
mod fresh_lists;
mod idempotency;
mod items;
mod refusals;

use acceptance::report::Report;
use acceptance::run::Run;
use acceptance::verdict::NotPassed;

use super::auth::Account;

pub(crate) use cleanup::clean_up;

/// Who writes, and what was written.
pub(crate) struct Writer<'a> {
    run: &'a Run,
    account: &'a Account,
    /// The ids of the books that the writer knows of.
    books: Vec<i64>,
}

impl<'a> Writer<'a> {
    /// A writer that has written nothing yet.
    pub(crate) fn of(run: &'a Run, account: &'a Account) -> Self {
        Self { run, account, books: Vec::new() }
    }

    /// The book that most checks use.
    fn book(&self) -> Result<i64, NotPassed> {
        self.books.first().copied().ok_or_else(|| NotPassed::without("book"))
    }

    /// The target of a list that holds the writer's books alone.
    fn own_list(&self) -> String {
        format!("/books?author={}&page_size=100", self.run.name)
    }
}

pub(crate) async fn check(writer: &mut Writer<'_>, report: &mut Report) {
    report.check("books: a book is created", items::create(writer)).await;
    report.check("books: Location leads to it, and it has a tag", items::read(writer)).await;
    report.check("books: a search finds it", items::search(writer)).await;
    report.check("books: an update changes what was sent", items::update(writer)).await;
    report.check("books: an unchanged book is not sent again", items::not_modified(writer)).await;
    report.check("books: an outdated tag changes nothing", items::precondition(writer)).await;
    report.check("books: pages follow each other by cursor", items::pages(writer)).await;
    report.check("errors: 403 for a write without the role", refusals::forbidden(writer)).await;
    report.check("errors: 415 and 400 for a body that is no JSON", refusals::bodies(writer)).await;
    report.check("errors: 422 names every field", refusals::invalid_fields(writer)).await;
    report.check("cache: a list shows every write before it", fresh_lists::fresh(writer)).await;
    report.check("idempotency: the same request twice is one book", idempotency::twice(writer)).await;
    report.check("idempotency: a key belongs to one body", idempotency::other_body(writer)).await;
    report.check("idempotency: two at once are one book", idempotency::twins(writer)).await;
}
