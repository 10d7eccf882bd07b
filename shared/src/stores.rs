//! The stores: Postgres and Redis, how to reach them, and writes that happen once however often they are sent.
//!
//! | module | purpose |
//! |---|---|
//! | `freeze` | tells whether a connection may have died while the process was frozen |
//! | [`tls`] | trusts the certificate authorities of AWS and no others |
//! | [`iam`] | signs in to the stores with short-lived tokens instead of passwords |
//! | [`postgres`] | keeps a pool of connections to Postgres |
//! | [`redis`] | keeps one connection to Redis |
//! | [`idempotent_write`] | makes a repeated write find what the first one wrote |

pub(crate) mod freeze;
pub mod iam;
pub mod idempotent_write;
pub mod postgres;
pub mod redis;
pub mod tls;
