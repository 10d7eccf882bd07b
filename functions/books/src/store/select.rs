//! The one statement that counts a list and reads a page of it, put together from the fixed pieces in this file.
//!
//! Every value that a client sent is a parameter: `$1` to `$4` the filter, `$5` the most books to read, `$6` how many
//! to skip, and from `$7` on the sort values of the cursor.

use shared::cache::pending_invalidation::PendingInvalidation;

use super::handle::LIST;
use crate::cursor::Value;
use crate::order::{Column, Direction, Order};

/// The number of the first sort value's parameter.
const FIRST_VALUE: usize = 7;

/// The statement for a page in this order, which begins after the book with these sort values.
///
/// Values reach the planner with the statement, so it drops the filters that are null, and counts where there is one.
/// The filter is `not materialized`, or a page of ten would first copy every book that matches. Books are chosen by id
/// before they are read, so that the pages that are skipped are counted off in the index alone.
pub(super) fn page_statement(order: &Order, after: Option<&[Value]>) -> String {
    let order_by = order.parts().iter().map(|(column, direction)| {
        let (column, direction) = (expression(*column), direction.name());
        format!("{column} {direction}")
    });
    let order_by = order_by.collect::<Vec<_>>().join(", ");
    let candidates = match after {
        None => "select * from matching".to_owned(),
        Some(values) => {
            let branches = conditions_after(order, values).into_iter().map(|condition| {
                format!("(select * from matching where {condition} order by {order_by} limit $5)")
            });
            branches.collect::<Vec<_>>().join(" union all ")
        }
    };
    let pending = PendingInvalidation::sql(LIST);
    format!(
        r#"with matching as not materialized (
            select id, title, author, year
            from books
            where ($1::text is null or title ilike $1)
              and ($2::text is null or lower(author) collate "C" = lower($2))
              and ($3::integer is null or year >= $3)
              and ($4::integer is null or year <= $4)
        ), chosen as (
            select id from ({candidates}) as candidates order by {order_by} limit $5 offset $6
        ), page as (
            select id, title, author, year, description from chosen join books using (id)
        )
        select case
            when $1 is null and $2 is null and $3 is null and $4 is null then (select total from book_count)
            else (select count(*) from matching)
        end, page.*, {pending} as pending
        from (select) as always
        left join page on true
        order by {order_by}"#
    )
}

/// The expression that a column is sorted by. Code points, so that the order is the same on every server.
fn expression(column: Column) -> &'static str {
    match column {
        Column::Id => "id",
        Column::Title => r#"title collate "C""#,
        Column::Author => r#"author collate "C""#,
        Column::Year => "year",
    }
}

/// The books after these sort values, as conditions of which each book fulfils one at most. With "or" between them
/// no index could find the position; each for itself, one can, and reads from there in order.
fn conditions_after(order: &Order, values: &[Value]) -> Vec<String> {
    let (mut conditions, mut ties) = (Vec::new(), String::new());
    for (n, ((column, direction), value)) in order.parts().iter().zip(values).enumerate() {
        let (name, parameter) = (expression(*column), FIRST_VALUE + n);
        // Null comes last ascending and first descending.
        match (direction, value) {
            (Direction::Ascending, Value::Null) => {}
            (Direction::Descending, Value::Null) => conditions.push(format!("{ties}{name} is not null")),
            (Direction::Ascending, _) => conditions.push(format!("{ties}{name} > ${parameter}")),
            (Direction::Descending, _) => conditions.push(format!("{ties}{name} < ${parameter}")),
        }
        if *column == Column::Year && *direction == Direction::Ascending && *value != Value::Null {
            conditions.push(format!("{ties}year is null"));
        }
        let tie = if *value == Value::Null { "is null".to_owned() } else { format!("= ${parameter}") };
        ties = format!("{ties}{name} {tie} and ");
    }
    conditions
}
