//! The cache of lists: a page is queried once, and again after a write.

use std::convert::Infallible;

use shared::cache::{Cache, CachedPage, Lookup};
use shared::config::Env;
use shared::fingerprint::fingerprint;
use shared::stores::redis::Redis;

async fn page(cache: &Cache, key: &str) -> Result<CachedPage, Infallible> {
    match cache.look_up(key).await {
        Lookup::Hit(page) => Ok(page),
        Lookup::Miss(missed) => cache.fill(missed, query).await,
    }
}

async fn query() -> Result<CachedPage, Infallible> {
    println!("queried");
    Ok(CachedPage::new("", br#"{"items":[]}"#))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env = Env::of_process();
    let cache = Cache::from_env(&env, Redis::from_env(&env)?, "songs")?;
    // Everything that determines the page: the author and the number.
    let key = fingerprint([Some("ada"), Some("1")]);
    page(&cache, &key).await?;
    // A page is stored in the background, since no response need wait for that.
    while matches!(cache.look_up(&key).await, Lookup::Miss(_)) {}
    println!("{:?}", page(&cache, &key).await?.body());
    // After a write was committed, and before its response.
    cache.invalidate().await?;
    page(&cache, &key).await?;
    Ok(())
}
