//! Rows of the table `books` as values.

use tokio_postgres::Row;

use crate::book::{Book, StoredBook, Version};

/// Reads the columns `id, title, author, year, description`, the first of them at `first`.
pub(super) fn book_at(row: &Row, first: usize) -> Book {
    Book {
        id: row.get(first),
        title: row.get(first + 1),
        author: row.get(first + 2),
        year: row.get(first + 3),
        description: row.get(first + 4),
    }
}

/// Reads the columns `id, title, author, year, description, version`.
pub(super) fn stored_book(row: &Row) -> StoredBook {
    StoredBook { book: book_at(row, 0), version: Version(row.get(5)) }
}
