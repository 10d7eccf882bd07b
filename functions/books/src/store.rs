//! The SQL of books. The struct [`Store`] is in `store/handle.rs`, and the other files add methods to it:
//!
//! | module | purpose |
//! |---|---|
//! | `handle` | the struct `Store`: its connections, without statements |
//! | `books` | finds, inserts, updates and deletes single books |
//! | `pages` | reads pages of lists, through the cache |
//! | `select` | builds the statement of a page |
//! | `row` | reads rows into books |
//! | `pending_invalidation` | repeats an invalidation of the cache that failed |

mod books;
mod handle;
mod pages;
mod pending_invalidation;
mod row;
mod select;

pub(crate) use books::Conditional;
pub(crate) use handle::Store;
pub(crate) use pages::PageError;
