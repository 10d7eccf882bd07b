//! The cache by itself, with a query of the test's own in the place of the database.

use std::convert::Infallible;

use probe::Probe;
use shared::cache::{Cache, CachedPage, Lookup};
use shared::lambda::function::Function as _;
use shared::stores::redis::Redis;
use testkit::TestContext;

/// A cache of one kind of list, as one execution environment has it.
pub(crate) fn cache(context: &TestContext) -> Cache {
    let env = context.env_of(Probe::NAME);
    Cache::from_env(&env, Redis::from_env(&env).unwrap(), "test").unwrap()
}

/// Reads the page called `page` through the cache; `query` stands for the database.
pub(crate) async fn read(cache: &Cache, query: impl AsyncFnOnce() -> &'static str) -> String {
    let page = read_through(cache, async || Ok::<_, Infallible>(query().await)).await.unwrap();
    String::from_utf8(page.body().to_vec()).unwrap()
}

/// The same with a query that may fail.
pub(crate) async fn read_through<E>(
    cache: &Cache,
    query: impl AsyncFnOnce() -> Result<&'static str, E>,
) -> Result<CachedPage, E> {
    match cache.look_up("page").await {
        Lookup::Hit(page) => Ok(page),
        Lookup::Miss(missed) => {
            cache.fill(missed, async || query().await.map(|text| CachedPage::new("", text.as_bytes()))).await
        }
    }
}
