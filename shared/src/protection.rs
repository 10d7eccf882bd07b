//! Protection against clients that send too many requests, and against guessed passwords.
//!
//! The [`limiter`] counts all requests of a client and refuses those beyond a [`quota`]; [`quotas`] is the table of
//! them. The [`lockout`] counts failed attempts and locks further ones for a while. Both count in Redis, by scripts
//! that are atomic over all execution environments, and both have a policy for when Redis is unavailable.

pub mod limiter;
pub mod lockout;
pub mod quota;
pub mod quotas;
