//! The cached list: a read never returns a page older than a completed write, whatever happens to Redis.

use redis::AsyncCommands as _;
use serde_json::json;
use testkit::proxy::{Mode, Proxy};
use testkit::users::sign_up;
use testkit::{Client, TestContext};

use crate::support::clients::probe;
use crate::support::locks::until_lock_is_awaited;
use crate::support::page_cache::{cache, read};
use crate::support::redis_keys::{connection, delete_keys, keys};

async fn total(probe: &Client) -> i64 {
    probe.from_new_network().get("/probe/notes").send().await.json()["total"].as_i64().unwrap()
}

#[tokio::test]
async fn a_repeated_read_comes_from_the_cache() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    assert_eq!(total(&probe).await, 0);
    // A row that the API didn't write: only a query of the database returns it.
    context.database().await.batch_execute("insert into probe_notes (text) values ('T')").await.unwrap();
    assert_eq!(total(&probe).await, 0);
    let other_page = probe.get("/probe/notes?page=11").send().await;
    assert_eq!(other_page.json()["total"], 1);
}

#[tokio::test]
async fn a_write_is_visible_to_the_next_read_in_every_environment() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (writer, reader) = (probe(&context), probe(&context));
    for expected in 1..=20 {
        let note = json!({"text": format!("T{expected}")});
        assert_eq!(
            writer
                .from_new_network()
                .post("/probe/notes")
                .bearer(&ada.access)
                .json(&note)
                .send()
                .await
                .status,
            201
        );
        assert_eq!(total(&reader).await, expected);
    }
    let before = reader.get("/probe/notes?sort_by=id").send().await;
    let patch = json!({"text": "changed"});
    assert_eq!(writer.put("/probe/notes/1").bearer(&ada.access).json(&patch).send().await.status, 200);
    let after = reader.get("/probe/notes?sort_by=id").send().await;
    assert_ne!(before.json(), after.json());
}

#[tokio::test]
async fn a_slow_reader_can_not_store_a_page_that_a_write_has_invalidated() {
    let context = TestContext::new().await;
    let (slow, writer) = (cache(&context), cache(&context));
    let query = async || {
        writer.invalidate().await.unwrap();
        "stale"
    };
    assert_eq!(read(&slow, query).await, "stale", "a reader gets what its own query returned");
    assert_eq!(read(&slow, async || "fresh").await, "fresh");
    assert_eq!(read(&writer, async || "not queried").await, "fresh");
}

#[tokio::test]
async fn a_reader_delayed_between_query_and_store_leaves_the_next_read_fresh() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (writer, others) = (probe(&context), probe(&context));
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let delayed = probe(&context);
    assert_eq!(delayed.get("/probe/notes?page=11").send().await.status, 200, "connections are open");
    proxy.set(Mode::Holding);
    let before = tokio::spawn(async move { total(&delayed).await });
    proxy.until_holding().await;
    let note = json!({"text": "T"});
    assert_eq!(writer.post("/probe/notes").bearer(&ada.access).json(&note).send().await.status, 201);
    proxy.set(Mode::Open);
    assert_eq!(before.await.unwrap(), 0);
    assert_eq!(total(&others).await, 1);
    assert_eq!(total(&others).await, 1);
}

#[tokio::test]
async fn losing_every_key_causes_no_failure_and_brings_back_no_old_page() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let mut redis = connection(&context).await;
    let space = format!("{}cache:{{test}}", context.variable("REDIS_KEY_PREFIX"));
    let mut version = async || redis.get::<_, u64>(&space).await.unwrap();
    let query = async || {
        let old = version().await;
        delete_keys(&context).await;
        assert_eq!(read(&self::cache(&context), async || "after").await, "after");
        assert!(version().await > old, "the version never goes back");
        "before"
    };
    assert_eq!(read(&cache, query).await, "before");
    assert_eq!(read(&cache, async || "not queried").await, "after");
}

#[tokio::test]
async fn a_failed_invalidation_is_repeated_by_the_next_reader_that_misses() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (reader, database) = (probe(&context), context.database().await);
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let writer = probe(&context);
    let pending = async || {
        let sql = "select count(*) from pending_invalidations";
        database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let miss = async |page: i64| {
        assert_eq!(
            reader.from_new_network().get(&format!("/probe/notes?page={page}")).send().await.status,
            200
        );
    };
    for (round, state) in (0..).zip([Mode::Closed, Mode::Swallowing]) {
        assert_eq!(total(&reader).await, 2 * round);
        proxy.set(state);
        for _ in 0..2 {
            let note = json!({"text": "T"});
            let created =
                writer.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send().await;
            assert_eq!(created.status, 201, "{}", created.text());
        }
        proxy.set(Mode::Open);
        assert_eq!(pending().await, 1, "however many fail");
        assert_eq!(total(&reader).await, 2 * round, "no read has missed yet");
        miss(100 + round).await;
        assert_eq!(total(&reader).await, 2 * round + 2);
        assert_eq!(pending().await, 0);
    }
}

#[tokio::test]
async fn a_reader_without_redis_leaves_a_pending_invalidation_to_others() {
    let context = TestContext::new().await;
    let database = context.database().await;
    database.batch_execute("insert into pending_invalidations (list) values ('notes')").await.unwrap();
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let probe = probe(&context);
    for (state, left) in [(Mode::Closed, 1_i64), (Mode::Open, 0)] {
        proxy.set(state);
        assert_eq!(total(&probe).await, 0);
        let pending = database.query_one("select count(*) from pending_invalidations", &[]).await.unwrap();
        assert_eq!(pending.get::<_, i64>(0), left);
    }
}

#[tokio::test]
async fn repeating_one_invalidation_does_not_delete_a_later_one() {
    let context = TestContext::new().await;
    let mut database = context.database().await;
    database.batch_execute("insert into pending_invalidations (list) values ('notes')").await.unwrap();
    let reader = probe(&context);
    let failing = database.transaction().await.unwrap();
    failing.batch_execute("lock table pending_invalidations in share row exclusive mode").await.unwrap();
    let repeating = tokio::spawn(async move { total(&reader).await });
    until_lock_is_awaited(&failing, "pending_invalidations").await;
    // Another invalidation fails while the reader is about to delete the row of the first.
    failing.batch_execute("update pending_invalidations set mark = default").await.unwrap();
    failing.commit().await.unwrap();
    assert_eq!(repeating.await.unwrap(), 0);
    let pending = database.query_one("select count(*) from pending_invalidations", &[]).await.unwrap();
    assert_eq!(pending.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_damaged_entry_is_a_miss_and_is_replaced() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let mut redis = connection(&context).await;
    for (n, is_page) in [true, true, false, false].into_iter().enumerate() {
        total(&probe).await;
        let damaged = keys(&context).await;
        for key in
            damaged.iter().filter(|key| key.contains(":cache:{notes}") && key.ends_with('}') != is_page)
        {
            let damage = if n % 2 == 0 {
                redis::pipe().set(key, "garbage").clone()
            } else {
                redis::pipe().del(key).lpush(key, "x").clone()
            };
            damage.exec_async(&mut redis).await.unwrap();
        }
        // A write works despite the damage, and the next read returns it.
        let note = json!({"text": "T"});
        assert_eq!(total(&probe).await, i64::try_from(n).unwrap());
        assert_eq!(
            probe.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send().await.status,
            201
        );
    }
    assert_eq!(total(&probe).await, 4);
    context.database().await.batch_execute("delete from probe_notes").await.unwrap();
    assert_eq!(total(&probe).await, 4, "the cache works again");
}

#[tokio::test]
async fn a_page_that_is_too_large_is_answered_and_not_kept() {
    let context = TestContext::new().await;
    let (cache, other) = (cache(&context), cache(&context));
    // Readers of a page of which none is kept do not wait for each other, however long this is.
    let large: &'static str = "x".repeat(70 * 1024).leak();
    for reader in [&cache, &cache, &other] {
        assert_eq!(read(reader, async || large).await, large);
    }
    assert_eq!(read(&cache, async || "small").await, "small", "each reader queries");
    let mut redis = connection(&context).await;
    for key in keys(&context).await {
        let bytes: usize = redis.strlen(&key).await.unwrap();
        assert!(bytes < 1000, "{key} has {bytes} bytes");
    }
}

#[tokio::test]
async fn beyond_a_number_of_bytes_pages_are_answered_and_not_kept() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let counter = format!("{}cache:{{test}}:bytes", context.variable("REDIS_KEY_PREFIX"));
    let mut redis = connection(&context).await;
    let () = redis.pset_ex(&counter, 64 * 1024 * 1024, 60_000).await.unwrap();
    for page in ["one", "two"] {
        assert_eq!(read(&cache, async || page).await, page, "nothing is kept");
    }
    // Without an end it would count for ever.
    for damage in ["persist", "del"] {
        let () = redis::cmd(damage).arg(&counter).query_async(&mut redis).await.unwrap();
        cache.invalidate().await.unwrap();
        assert_eq!(read(&cache, async || "three").await, "three");
        assert_eq!(read(&cache, async || "four").await, "three", "kept");
        let left: i64 = redis.pttl(&counter).await.unwrap();
        assert!((1..=30_000).contains(&left), "{damage}: {left} ms");
    }
}
