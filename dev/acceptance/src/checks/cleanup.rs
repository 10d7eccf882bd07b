//! The end of a run: its books are deleted, and what stays is told.

use crate::report::Report;
use crate::request::Request;
use crate::run::Run;
use crate::verdict::{Checked, NotPassed, ensure};

/// Deletes the books that the run knows of, which it has created.
pub(crate) async fn books(run: &mut Run) -> Checked {
    let Some(admin) = &run.admin else {
        return Err(NotPassed::NotRun(
            "ACCEPTANCE_ADMIN_USERNAME and ACCEPTANCE_ADMIN_PASSWORD are not set".into(),
        ));
    };
    let session = admin.open_session(&run.client).await?;
    let mut deleted = 0;
    while let Some(id) = run.books.last().copied() {
        let request = Request::delete(format!("/books/{id}")).bearer(&session.access);
        run.client.send(&request).await?.expect(204)?;
        run.books.pop();
        deleted += 1;
        run.client.send(&request).await?.expect_problem(404)?;
    }
    let list = run.client.send(&Request::get(run.own_list())).await?;
    let total = list.expect(200)?.json()["total"].as_u64();
    run.client.send(&Request::post("/auth/logout").bearer(&session.access)).await?.expect(204)?;
    ensure(total == Some(0), || format!("expected a list without them, got {total:?} books"))?;
    Ok(format!("{deleted} books"))
}

/// There is no way to delete an account over HTTP.
pub(crate) fn tell_what_stays(run: &Run, report: &mut Report) {
    let names = [&run.account.name, &run.victim.name].map(String::as_str).join(" and ");
    report.remark(format!("The accounts {names} stay (role user, random passwords that are not kept)."));
    if !run.books.is_empty() {
        let books: Vec<_> = run.books.iter().map(i64::to_string).collect();
        report.remark(format!(
            "The books {} stay, all by the author {}. With ACCEPTANCE_ADMIN_USERNAME and ACCEPTANCE_ADMIN_PASSWORD set, \
             a run deletes its own.",
            books.join(", "),
            run.name
        ));
    }
}
