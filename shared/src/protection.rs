//! Protection against callers who ask too much or guess passwords.

pub mod limiter;
pub mod lockout;
pub mod quota;
pub mod quotas;
