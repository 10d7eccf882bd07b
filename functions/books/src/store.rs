//! The SQL of books. The struct [`Store`] is in `store/handle.rs`, and the other files add methods to it:
//!
//! | module | purpose |
//! |---|---|
//! | `handle` | the struct `Store`: its connections, without statements |
//! | `books` | finds, inserts, updates and deletes single books |
//! | `pages` | reads pages of lists, through the cache |
//! | `select` | builds the statement of a page |
//! | `row` | reads rows into books |

mod books;
mod handle;
mod pages;
mod row;
mod select;

pub(crate) use books::Conditional;
pub(crate) use handle::{LIST, Store};
pub(crate) use pages::PageError;
