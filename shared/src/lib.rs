//! What the functions have in common. Rooms in order of dependency: each imports only rooms above it.
//!
//! | room | one sentence |
//! |---|---|
//! | [`mod@env`] | reads the configuration, once |
//! | [`telemetry`] | starts the log, and names the request in each line of it |
//! | [`metrics`] | what CloudWatch counts |
//! | [`fingerprint`] | one name for several values |
//! | `freeze` | tells when a connection may have died while the process was frozen |
//! | [`tls`] | whom a store, and AWS, must be certified by |
//! | [`iam`] | who a function is to AWS; tokens instead of passwords for the stores |
//! | [`postgres`], [`redis`] | lazy connections that are doubted after a pause |
//! | [`cache`] | list pages in Redis under one version |
//! | [`limiter`] | at most N requests in any window |
//! | [`lockout`] | a few wrong guesses lock the door |
//! | [`tokens`] | access and refresh tokens |
//! | [`passwords`] | how passwords are kept |
//! | [`sessions`] | who is signed in, as the database sees it |
//! | [`once`] | writes that are done once, however often they are asked for |
//! | [`fields`] | named values from outside become domain types |
//! | [`usernames`] | when two names are the same |
//! | [`function`] | what a function of the bundle is |
//! | [`http`] | requests, callers, errors and answers |
//! | [`event`] | API Gateway's events, checked |
//! | [`lambda`] | a function under the Lambda runtime |
//! | `testing` | in-process clients; feature `testing` only |

pub mod cache;
pub mod env;
pub mod event;
pub mod fields;
pub mod fingerprint;
mod freeze;
pub mod function;
pub mod http;
pub mod iam;
pub mod lambda;
pub mod limiter;
pub mod lockout;
pub mod metrics;
pub mod once;
pub mod passwords;
pub mod postgres;
pub mod redis;
pub mod sessions;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
pub mod tokens;
pub mod usernames;
