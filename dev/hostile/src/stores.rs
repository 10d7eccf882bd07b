//! What the stores hold and do, seen from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use stack::{Context as _, Error, Result};
use testkit::records::Records;
use testkit::{connect, with_database};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_postgres::Client;

use crate::fixture::Fixture;

/// The time between two samples.
const INTERVAL: Duration = Duration::from_secs(2);

/// Every so many samples the keys in Redis are counted, which reads all their names.
const SAMPLES_PER_COUNT: usize = 5;

/// Postgres shows what a session did when it next does something, or after 10 s without work.
pub(crate) const SETTLING: Duration = Duration::from_secs(12);

/// The beginning of all keys.
const PREFIX: &str = "bookshelf:";

/// Connections to look into the stores with, none of them to the database that the functions use.
pub(crate) struct Stores {
    redis: MultiplexedConnection,
    statistics: Client,
    database_url: String,
    records: Records,
}

/// What one sample says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// What Redis uses, in bytes.
    pub(crate) redis_bytes: u64,
    pub(crate) redis_keys: usize,
    /// Sessions in the functions' database.
    pub(crate) connections: usize,
    /// Transactions since the server started, nearly all of one statement.
    pub(crate) transactions: i64,
}

/// The largest values of some time, and the work that Postgres did in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) redis_bytes: u64,
    pub(crate) redis_keys: usize,
    /// The most keys of each kind at one moment.
    pub(crate) keys_by_kind: BTreeMap<String, usize>,
    pub(crate) connections: usize,
    pub(crate) transactions: i64,
    pub(crate) seconds: f64,
}

/// Rows of the database and items of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) rows: BTreeMap<String, i64>,
    pub(crate) items: usize,
    /// The size of the largest item, names included, in bytes.
    pub(crate) largest_item: usize,
}

impl Stores {
    pub(crate) async fn open(fixture: &Fixture) -> Result<Self> {
        let stack = &fixture.stack;
        let redis = redis::Client::open(stack.redis_admin_url()).context("read the URL of Redis")?;
        let database_url = stack.var("DATABASE_URL").to_owned();
        Ok(Self {
            redis: redis.get_multiplexed_async_connection().await.context("connect to Redis")?,
            statistics: connect(&with_database(&database_url, "postgres")).await,
            records: Records::on_stack(&fixture.variables),
            database_url,
        })
    }

    /// Samples the stores until then.
    pub(crate) async fn watch(&mut self, until: Instant) -> Result<Watched> {
        let began = Instant::now();
        let first = self.sample().await?;
        let mut watched = Watched::default();
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for number in 0.. {
            let is_over = timeout_at(until, ticks.tick()).await.is_err();
            let sample = self.sample().await?;
            watched.redis_bytes = watched.redis_bytes.max(sample.redis_bytes);
            watched.redis_keys = watched.redis_keys.max(sample.redis_keys);
            watched.connections = watched.connections.max(sample.connections);
            if is_over || number % SAMPLES_PER_COUNT == 0 {
                for (kind, count) in self.keys_by_kind().await? {
                    let most = watched.keys_by_kind.entry(kind).or_default();
                    *most = count.max(*most);
                }
            }
            if is_over {
                watched.transactions = sample.transactions - first.transactions;
                break;
            }
        }
        watched.seconds = began.elapsed().as_secs_f64();
        Ok(watched)
    }

    /// The transactions so far.
    pub(crate) async fn transactions(&mut self) -> Result<i64> {
        Ok(self.sample().await?.transactions)
    }

    async fn sample(&mut self) -> Result<Sample> {
        const SQL: &str = "
            select numbackends, xact_commit + xact_rollback
            from pg_stat_database
            where datname = $1";
        let database = self.database_url.rsplit('/').next().unwrap_or_default();
        let row = self.statistics.query_one(SQL, &[&database]).await.context("read Postgres's statistics")?;
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut self.redis)
            .await
            .context("read Redis's statistics")?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let redis_keys = redis::cmd("DBSIZE").query_async(&mut self.redis).await.context("count keys")?;
        Ok(Sample {
            redis_bytes: used.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_default(),
            redis_keys,
            connections: usize::try_from(row.get::<_, i32>(0)).unwrap_or_default(),
            transactions: row.get(1),
        })
    }

    async fn keys_by_kind(&mut self) -> Result<BTreeMap<String, usize>> {
        let (mut kinds, mut cursor) = (BTreeMap::new(), 0_u64);
        loop {
            let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("COUNT")
                .arg(1_000)
                .query_async(&mut self.redis)
                .await
                .context("list Redis's keys")?;
            for key in keys {
                *kinds.entry(kind(&key)).or_default() += 1;
            }
            if next == 0 {
                return Ok(kinds);
            }
            cursor = next;
        }
    }

    /// Counts everything.
    pub(crate) async fn contents(&self) -> Result<Contents> {
        let database = self.database().await;
        let mut rows = BTreeMap::new();
        let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
        for table in database.query(tables, &[]).await.context("list the tables")? {
            let table: String = table.get(0);
            let count = database.query_one(&format!("select count(*) from \"{table}\""), &[]).await;
            rows.insert(table, count.context("count rows")?.get(0));
        }
        let records = self.records.all().await.map_err(|error| Error::new(error.to_string()))?;
        let sizes =
            records.iter().map(|record| record.iter().map(|(name, value)| name.len() + value.len()).sum());
        Ok(Contents { rows, items: records.len(), largest_item: sizes.max().unwrap_or_default() })
    }

    /// A connection to the functions' database.
    pub(crate) async fn database(&self) -> Client {
        connect(&self.database_url).await
    }
}

/// The kind of a key: `limit:default`, `cache`, `{lockout}:name-ip`.
fn kind(key: &str) -> String {
    let parts: Vec<_> = key.strip_prefix(PREFIX).unwrap_or(key).split(':').collect();
    match parts.as_slice() {
        ["cache", ..] => "cache".to_owned(),
        [kind, name, ..] => format!("{kind}:{name}"),
        _ => parts.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_kind_are_counted_together() {
        assert_eq!(kind("bookshelf:limit:default:60s:192.0.2.1"), "limit:default");
        assert_eq!(kind("bookshelf:{lockout}:name-ip:abc:lock"), "{lockout}:name-ip");
        assert_eq!(kind("bookshelf:cache:{books}:abc"), "cache");
    }
}
