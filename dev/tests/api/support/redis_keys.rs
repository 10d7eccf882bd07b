//! The keys of a test context in Redis, for tests that read, damage or delete them.

use redis::aio::MultiplexedConnection;
use testkit::TestContext;

/// A connection to the Redis of `context`.
pub(crate) async fn connection(context: &TestContext) -> MultiplexedConnection {
    let client = redis::Client::open(context.variable("REDIS_URL")).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The keys of this context; other contexts share the server.
pub(crate) async fn keys(context: &TestContext) -> Vec<String> {
    let pattern = format!("{}*", context.variable("REDIS_KEY_PREFIX"));
    redis::cmd("KEYS").arg(pattern).query_async(&mut connection(context).await).await.unwrap()
}

/// Deletes all keys of this context, as `FLUSHALL` would delete those of the whole server.
pub(crate) async fn delete_keys(context: &TestContext) {
    let keys = keys(context).await;
    redis::cmd("DEL").arg(keys).exec_async(&mut connection(context).await).await.unwrap();
}
