//! The stores: connections to Postgres and Redis, and writes that happen once although they are sent repeatedly.
//!
//! A connection belongs to the execution environment and not to a request. It is begun when the environment starts,
//! goes on until it is open or refused, and serves one invocation after another, with freezes in between. A request
//! waits for it only as long as its own timeout, and never begins a second one beside it. A connection that was idle is
//! checked before its next use, and one that is lost is replaced.
//!
//! | module | purpose |
//! |---|---|
//! | `freeze` | measures time that also passes while the process is frozen |
//! | `tcp` | limits how long a path that drops packets can keep a connection |
//! | `opener` | opens connections one at a time, in a task that outlives the request which needs it |
//! | [`tls`] | configures TLS that trusts the certificate authorities of AWS and no others |
//! | [`iam`] | signs in to the stores with short-lived IAM tokens instead of passwords |
//! | [`postgres`] | keeps a pool of connections to Postgres |
//! | [`redis`] | keeps one connection to Redis |
//! | [`idempotent_write`] | lets a repeated write return what the first one wrote |
//! | [`describe`](mod@describe) | says why a store failed, without values of rows |

pub mod describe;
pub(crate) mod freeze;
pub mod iam;
pub mod idempotent_write;
mod opener;
pub mod postgres;
pub mod redis;
mod tcp;
pub mod tls;

use self::postgres::Postgres;
use self::redis::Redis;

/// Opens the connections to both stores at once, and returns when each is open or refused.
pub async fn connect(postgres: &Postgres, redis: &Redis) {
    // A refusal is in the log; the request that needs the connection tries again.
    let _ = tokio::join!(postgres.connect(), redis.connect());
}
