//! The end of a run: its books are deleted, and what stays is told.

use acceptance::report::Report;
use acceptance::request::Request;
use acceptance::verdict::{Checked, NotPassed, ensure};
use stack::settings;

use super::Writer;
use crate::checks::auth::Account;

/// Deletes the books if there is an administrator to do so, and tells which stay.
pub(crate) async fn clean_up(writer: &mut Writer<'_>, report: &mut Report) {
    let admin = settings::var("ACCEPTANCE_ADMIN_USERNAME").zip(settings::var("ACCEPTANCE_ADMIN_PASSWORD"));
    let admin = admin.map(|(name, password)| Account::new(name, &password));
    if let Some(admin) = &admin {
        report.hide(&admin.password);
    }
    report.check("cleanup: an administrator deletes the run's books", delete(writer, admin)).await;
    if !writer.books.is_empty() {
        let books: Vec<_> = writer.books.iter().map(i64::to_string).collect();
        report.remark(format!(
            "The books {} stay, all by the author {}. With ACCEPTANCE_ADMIN_USERNAME and ACCEPTANCE_ADMIN_PASSWORD set, \
             a run deletes its own.",
            books.join(", "),
            writer.run.name
        ));
    }
}

async fn delete(writer: &mut Writer<'_>, admin: Option<Account>) -> Checked {
    let Some(admin) = admin else {
        return Err(NotPassed::NotRun(
            "ACCEPTANCE_ADMIN_USERNAME and ACCEPTANCE_ADMIN_PASSWORD are not set".into(),
        ));
    };
    let session = admin.open_session(&writer.run.client).await?;
    let mut deleted = 0;
    while let Some(id) = writer.books.last().copied() {
        let request = Request::delete(format!("/books/{id}")).bearer(&session.access);
        writer.run.client.send(&request).await?.expect(204)?;
        writer.books.pop();
        deleted += 1;
        writer.run.client.send(&request).await?.expect_problem(404)?;
    }
    let list = writer.run.client.send(&Request::get(writer.own_list())).await?;
    let total = list.expect(200)?.json()["total"].as_u64();
    writer.run.client.send(&Request::post("/auth/logout").bearer(&session.access)).await?.expect(204)?;
    ensure(total == Some(0), || format!("expected a list without them, got {total:?} books"))?;
    Ok(format!("{deleted} books"))
}
