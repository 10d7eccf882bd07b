//! The functions that are checked, and what each is asked: together the checks of a function use everything that its
//! requests use.

mod auth;
mod books;
mod system;

use crate::check::Check;

/// A function that can be checked.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The variable that names its version.
    pub(crate) variable: &'static str,
    pub(crate) checks: &'static [Check],
}

/// All of them.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function { name: "books", variable: "BOOKS_VERSION", checks: books::CHECKS },
    Function { name: "auth", variable: "AUTH_VERSION", checks: auth::CHECKS },
    Function { name: "system", variable: "SYSTEM_VERSION", checks: system::CHECKS },
];
