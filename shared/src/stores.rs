//! The stores: connections to Postgres and Redis, and writes that happen once although they are sent repeatedly.
//!
//! An execution environment keeps its connections from one invocation to the next, and Lambda freezes it in between. So
//! every connection is opened lazily, checked after it was idle, and given up at the first sign that it is lost; and no
//! operation waits longer than its timeout.
//!
//! | module | purpose |
//! |---|---|
//! | `freeze` | measures time that also passes while the process is frozen |
//! | [`tls`] | configures TLS that trusts the certificate authorities of AWS and no others |
//! | [`iam`] | signs in to the stores with short-lived IAM tokens instead of passwords |
//! | [`postgres`] | keeps a pool of connections to Postgres |
//! | [`redis`] | keeps one connection to Redis |
//! | [`idempotent_write`] | lets a repeated write return what the first one wrote |

pub(crate) mod freeze;
pub mod iam;
pub mod idempotent_write;
pub mod postgres;
pub mod redis;
pub mod tls;
