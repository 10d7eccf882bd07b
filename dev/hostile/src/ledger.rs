//! What an honest client was told is committed, and the comparison with what the database holds.
//!
//! Each book has a title of its own, so a row that was written twice is found by its title. A write that was given up
//! after a told 503 may have happened or not: its book then may be in either state.

use std::collections::BTreeMap;

use stack::{Context as _, Result};
use tokio_postgres::Client;

/// The beginning of the names of all authors of honest clients' books.
pub(crate) const AUTHORS: &str = "Honest ";

/// What can change in a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BookState {
    pub(crate) year: i32,
    pub(crate) description: String,
}

/// A book that a client asked to be created.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    pub(crate) author: String,
    /// The id that the client was told; `None` if it gave up.
    pub(crate) id: Option<i64>,
    /// The states that the book may be in: one, unless an update was given up.
    pub(crate) states: Vec<BookState>,
}

/// What one client was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) name: String,
    /// By title.
    pub(crate) creations: BTreeMap<String, Creation>,
    /// Creations with an idempotency key, among them.
    pub(crate) keyed: usize,
    /// Requests that repeated one of them.
    pub(crate) repeated: usize,
    pub(crate) updates: usize,
    pub(crate) sign_ins: usize,
    /// Sign-ins that were told 503: each may have opened a session all the same.
    pub(crate) uncertain_sign_ins: usize,
    pub(crate) password_changes: usize,
    /// Whether the client can still sign in, found out at the end.
    pub(crate) can_sign_in: bool,
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    /// Books, accounts and sessions that were compared.
    pub(crate) compared: usize,
    /// What was acknowledged and is not there, or not as it was acknowledged.
    pub(crate) lost: Vec<String>,
    /// What is there more often than it was acknowledged.
    pub(crate) doubled: Vec<String>,
}

struct Row {
    id: i64,
    author: String,
    state: BookState,
}

impl Ledger {
    /// The books that the client was told of.
    pub(crate) fn acknowledged(&self) -> usize {
        self.creations.values().filter(|creation| creation.id.is_some()).count()
    }
}

/// Compares the ledgers with the database.
pub(crate) async fn verify(ledgers: &[Ledger], database: &Client) -> Result<Verification> {
    let mut result = Verification::default();
    let mut rows = honest_rows(database).await?;
    for (title, creation) in ledgers.iter().flat_map(|ledger| &ledger.creations) {
        result.compared += 1;
        compare(title, creation, &rows.remove(title).unwrap_or_default(), &mut result);
    }
    result.doubled.extend(rows.into_keys().map(|title| format!("nobody created `{title}`")));
    for ledger in ledgers {
        verify_account(ledger, database, &mut result).await?;
    }
    Ok(result)
}

fn compare(title: &str, creation: &Creation, rows: &[Row], result: &mut Verification) {
    match (creation.id, rows) {
        (None, [] | [_]) => {}
        (Some(id), []) => result.lost.push(format!("`{title}` with the id {id} is gone")),
        (Some(id), [row]) => {
            if row.id != id || row.author != creation.author || !creation.states.contains(&row.state) {
                let (found, told) = (&row.state, &creation.states);
                result.lost.push(format!("`{title}` is {} {found:?}, and was told {id} {told:?}", row.id));
            }
        }
        (_, many) => result.doubled.push(format!("`{title}` is there {} times", many.len())),
    }
}

async fn honest_rows(database: &Client) -> Result<BTreeMap<String, Vec<Row>>> {
    const SQL: &str = "select id, title, author, year, description from books where author like $1";
    let rows = database.query(SQL, &[&format!("{AUTHORS}%")]).await.context("read the honest books")?;
    let mut found = BTreeMap::<_, Vec<Row>>::new();
    for row in rows {
        let state = BookState {
            year: row.get::<_, Option<i32>>(3).unwrap_or(-1),
            description: row.get::<_, Option<String>>(4).unwrap_or_default(),
        };
        found.entry(row.get(1)).or_default().push(Row { id: row.get(0), author: row.get(2), state });
    }
    Ok(found)
}

/// The account exists once, its password changed as often as was acknowledged, and each sign-in left its session.
async fn verify_account(ledger: &Ledger, database: &Client, result: &mut Verification) -> Result<()> {
    const SQL: &str = "
        select password_version, (select count(*) from sessions where user_id = users.id)
        from users
        where username_key = $1";
    let rows = database.query(SQL, &[&ledger.name]).await.context("read the honest accounts")?;
    let [row] = rows.as_slice() else {
        result.lost.push(format!("the account {} is there {} times", ledger.name, rows.len()));
        return Ok(());
    };
    result.compared += 1 + ledger.sign_ins + ledger.password_changes;
    let (version, sessions) = (i64::from(row.get::<_, i32>(0)), row.get::<_, i64>(1));
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let (told, name) = (count(ledger.password_changes) + 1, &ledger.name);
    if version < told || !ledger.can_sign_in {
        result.lost.push(format!("{name}: {version} passwords for {told}, or the last one does not sign in"));
    } else if version > told {
        result.doubled.push(format!("{name}: {version} passwords for {told}"));
    }
    let (told, most) = (count(ledger.sign_ins), count(ledger.sign_ins + ledger.uncertain_sign_ins));
    if sessions < told {
        result.lost.push(format!("{name}: {sessions} sessions for {told} sign-ins"));
    } else if sessions > most {
        result.doubled.push(format!("{name}: {sessions} sessions for {told} sign-ins"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(year: i32) -> BookState {
        BookState { year, description: "d".to_owned() }
    }

    fn row(id: i64, year: i32) -> Row {
        Row { id, author: "Honest 1".to_owned(), state: state(year) }
    }

    /// Whether something is lost, and whether something is doubled.
    fn compared(id: Option<i64>, states: &[i32], rows: &[Row]) -> (bool, bool) {
        let states = states.iter().copied().map(state).collect();
        let mut result = Verification::default();
        compare("t", &Creation { author: "Honest 1".to_owned(), id, states }, rows, &mut result);
        (!result.lost.is_empty(), !result.doubled.is_empty())
    }

    #[test]
    fn an_acknowledged_book_is_there_once_in_its_last_state() {
        assert_eq!(compared(Some(1), &[7], &[row(1, 7)]), (false, false));
        assert_eq!(compared(Some(1), &[7], &[]), (true, false));
        assert_eq!(compared(Some(1), &[7], &[row(1, 6)]), (true, false), "an older state");
        assert_eq!(compared(Some(1), &[7], &[row(2, 7)]), (true, false), "another id");
        assert_eq!(compared(Some(1), &[7], &[row(1, 7), row(2, 7)]), (false, true));
    }

    #[test]
    fn a_write_that_was_given_up_may_have_happened_once() {
        assert_eq!(compared(None, &[7], &[]), (false, false));
        assert_eq!(compared(None, &[7], &[row(1, 7)]), (false, false));
        assert_eq!(compared(None, &[7], &[row(1, 7), row(2, 7)]), (false, true));
        assert_eq!(compared(Some(1), &[7, 8], &[row(1, 8)]), (false, false), "an update that was given up");
    }
}
