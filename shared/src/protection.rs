//! Protection against callers who ask too much or guess.

pub mod limiter;
pub mod lockout;
