// part of auth and books
//! Books that are written with an account.

mod cached_lists;
mod cleanup;
mod idempotency;
mod items;
mod refusals;
mod writer;

use acceptance::report::Report;

pub(crate) use cleanup::clean_up;
pub(crate) use writer::Writer;

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
    report.check("cache: a repeated list is the same", cached_lists::repeated(writer)).await;
    report.check("cache: an unchanged list is not sent again", cached_lists::not_modified(writer)).await;
    report.check("cache: a list shows every write before it", cached_lists::fresh(writer)).await;
    report.check("cache: median time of a cached list", cached_lists::latency(writer)).await;
    report.check("idempotency: the same request twice is one book", idempotency::twice(writer)).await;
    report.check("idempotency: a key belongs to one body", idempotency::other_body(writer)).await;
    report.check("idempotency: two at once are one book", idempotency::twins(writer)).await;
}
