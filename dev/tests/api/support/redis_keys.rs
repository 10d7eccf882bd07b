//! The keys of a test context in Redis, for tests that read, damage or delete them as an administrator.

use redis::aio::MultiplexedConnection;
use testkit::TestContext;

/// A connection to the Redis of `context` as a user who may do everything.
pub(crate) async fn connection(context: &TestContext) -> MultiplexedConnection {
    let client = redis::Client::open(context.redis_admin_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The keys of this context; other contexts share the server.
pub(crate) async fn keys(context: &TestContext) -> Vec<String> {
    let pattern = format!("{}*", context.variable("REDIS_KEY_PREFIX"));
    redis::cmd("KEYS").arg(pattern).query_async(&mut connection(context).await).await.unwrap()
}

/// Deletes all keys of this context, as `FLUSHALL` would delete those of the whole server.
pub(crate) async fn delete_keys(context: &TestContext) {
    let mut redis = connection(context).await;
    // One by one: a command on keys of several slots is refused in a cluster.
    for key in keys(context).await {
        redis::cmd("DEL").arg(key).exec_async(&mut redis).await.unwrap();
    }
}
