//! The cached list: never older than a write that was answered.

use std::convert::Infallible;

use redis::AsyncCommands as _;
use serde_json::json;
use shared::cache::{Cache, CachedPage};
use shared::stores::redis::Redis;
use testkit::{Client, TestContext};

use crate::users::{books, sign_up};
use testkit::proxy::{Mode, Proxy};

async fn total(books: &Client) -> i64 {
    books.elsewhere().get("/books").send().await.json()["total"].as_i64().unwrap()
}

#[tokio::test]
async fn a_second_look_comes_from_the_cache() {
    let context = TestContext::new().await;
    let books = books(&context);
    assert_eq!(total(&books).await, 0);
    // A row that the API didn't write: only a look at the database can see it.
    context
        .database()
        .await
        .batch_execute("insert into books (title, author) values ('T', 'A')")
        .await
        .unwrap();
    assert_eq!(total(&books).await, 0);
    let other_page = books.get("/books?page_size=11").send().await;
    assert_eq!(other_page.json()["total"], 1);
}

#[tokio::test]
async fn a_write_is_seen_by_the_next_look_of_any_environment() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (writer, reader) = (books(&context), books(&context));
    for expected in 1..=20 {
        let book = json!({"title": format!("T{expected}"), "author": "A"});
        assert_eq!(
            writer.elsewhere().post("/books").bearer(&ada.access).json(&book).send().await.status,
            201
        );
        assert_eq!(total(&reader).await, expected);
    }
    let before = reader.get("/books?sort_by=id").send().await;
    let patch = json!({"title": "changed"});
    assert_eq!(writer.put("/books/1").bearer(&ada.access).json(&patch).send().await.status, 200);
    let after = reader.get("/books?sort_by=id").send().await;
    assert_ne!(before.json(), after.json());
}

/// One look at a page called `page`; says what the database had to be asked for.
async fn look(cache: &Cache, query: impl AsyncFnOnce() -> &'static str) -> String {
    let query = async || Ok::<_, Infallible>(CachedPage::new("", query().await.as_bytes()));
    let page = cache.read_through("page", query).await.unwrap();
    String::from_utf8(page.body().to_vec()).unwrap()
}

fn cache(context: &TestContext) -> Cache {
    Cache::from_env(&context.env(), Redis::from_env(&context.env()).unwrap(), "test").unwrap()
}

#[tokio::test]
async fn a_slow_reader_can_not_publish_what_a_writer_made_untrue() {
    let context = TestContext::new().await;
    let (slow, writer) = (cache(&context), cache(&context));
    let query = async || {
        writer.invalidate().await.unwrap();
        "stale"
    };
    assert_eq!(look(&slow, query).await, "stale", "it is as old as its reader");
    assert_eq!(look(&slow, async || "fresh").await, "fresh");
    assert_eq!(look(&writer, async || "unasked").await, "fresh");
}

#[tokio::test]
async fn a_reader_held_between_its_query_and_its_store_leaves_the_next_one_fresh() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (writer, others) = (books(&context), books(&context));
    let (context, proxy) = Proxy::within(context, "DATABASE_URL").await;
    let held = books(&context);
    assert_eq!(held.get("/books?page_size=11").send().await.status, 200, "connections are open");
    proxy.set(Mode::Holding);
    let before = tokio::spawn(async move { total(&held).await });
    proxy.until_holding().await;
    let book = json!({"title": "T", "author": "A"});
    assert_eq!(writer.post("/books").bearer(&ada.access).json(&book).send().await.status, 201);
    proxy.set(Mode::Open);
    assert_eq!(before.await.unwrap(), 0);
    assert_eq!(total(&others).await, 1);
    assert_eq!(total(&others).await, 1);
}

#[tokio::test]
async fn losing_every_key_neither_fails_nor_revives_an_old_page() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let mut redis = connection(&context).await;
    let space = format!("{}cache:{{test}}", context.variable("REDIS_KEY_PREFIX"));
    let mut version = async || redis.get::<_, u64>(&space).await.unwrap();
    let query = async || {
        let old = version().await;
        delete_keys(&context).await;
        assert_eq!(look(&self::cache(&context), async || "after").await, "after");
        assert!(version().await > old, "the version never goes back");
        "before"
    };
    assert_eq!(look(&cache, query).await, "before");
    assert_eq!(look(&cache, async || "unasked").await, "after");
}

#[tokio::test]
async fn every_query_has_a_page_of_its_own() {
    let context = TestContext::new().await;
    let sql = "insert into books (title, author, year) values
        ('0', '0', 0), ('T', 'A', 1999), ('T:author=A', 'A:year_to=0', null), (',', 'A,title', 2000)";
    context.database().await.batch_execute(sql).await.unwrap();
    let cached = books(&context);
    let (context, proxy) = Proxy::within(context, "REDIS_URL").await;
    proxy.set(Mode::Closed);
    let uncached = books(&context);
    let queries = [
        "",
        "author=",
        "author=0",
        "title_contains=",
        "title_contains=0",
        "year_from=0",
        "year_to=0",
        "year_from=0&year_to=0",
        "author=A",
        "author=A:year_to%3D0",
        "author=A&year_to=0",
        "author=A%26year_to%3D0",
        "title_contains=T:author%3DA",
        "title_contains=T&author=A",
        "title_contains=T%3Aauthor%3DA&author=",
        "author=A,title",
        "author=A&sort_by=title",
        "sort_by=title",
        "sort_by=title&sort_dir=desc",
        "page=2&page_size=1",
        "page=1&page_size=2",
        "page=12",
        "page_size=12",
    ];
    // Twice: the second time from the cache.
    for _ in 0..2 {
        for query in queries {
            let ask = async |books: &Client| books.elsewhere().get(&format!("/books?{query}")).send().await;
            let (page, right) = (ask(&cached).await, ask(&uncached).await);
            assert_eq!((page.status, page.json()), (200, right.json()), "{query}");
        }
    }
    // The same pages asked for in other words.
    for query in ["page=1", "year_to=0&year_from=0", "sort_by=title:asc,id:asc", "author=%41", "page_size=10"]
    {
        assert_eq!(cached.elsewhere().get(&format!("/books?{query}")).send().await.status, 200, "{query}");
    }
    proxy.set(Mode::Open);
    let pages = keys(&context)
        .await
        .into_iter()
        .filter(|key| key.contains(":cache:{books}:") && !key.ends_with(":lease"));
    assert_eq!(pages.count(), queries.len());
}

#[tokio::test]
async fn an_invalidation_that_failed_is_made_good_by_the_next_reader_who_misses() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (reader, database) = (books(&context), context.database().await);
    let (context, proxy) = Proxy::within(context, "REDIS_URL").await;
    let writer = books(&context);
    let pending = async || {
        let sql = "select count(*) from pending_invalidations";
        database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let miss = async |page: i64| {
        assert_eq!(reader.elsewhere().get(&format!("/books?page={page}")).send().await.status, 200);
    };
    for (round, state) in (0..).zip([Mode::Closed, Mode::Swallowing]) {
        assert_eq!(total(&reader).await, 2 * round);
        proxy.set(state);
        for _ in 0..2 {
            let book = json!({"title": "T", "author": "A"});
            let created = writer.elsewhere().post("/books").bearer(&ada.access).json(&book).send().await;
            assert_eq!(created.status, 201, "{}", created.text());
        }
        proxy.set(Mode::Open);
        assert_eq!(pending().await, 1, "however many fail");
        assert_eq!(total(&reader).await, 2 * round, "nobody has missed a page yet");
        miss(100 + round).await;
        assert_eq!(total(&reader).await, 2 * round + 2);
        assert_eq!(pending().await, 0);
    }
}

#[tokio::test]
async fn a_reader_without_redis_leaves_the_repair_to_others() {
    let context = TestContext::new().await;
    let database = context.database().await;
    database.batch_execute("insert into pending_invalidations (list) values ('books')").await.unwrap();
    let (context, proxy) = Proxy::within(context, "REDIS_URL").await;
    let books = books(&context);
    for (state, left) in [(Mode::Closed, 1_i64), (Mode::Open, 0)] {
        proxy.set(state);
        assert_eq!(total(&books).await, 0);
        let pending = database.query_one("select count(*) from pending_invalidations", &[]).await.unwrap();
        assert_eq!(pending.get::<_, i64>(0), left);
    }
}

#[tokio::test]
async fn making_one_invalidation_good_does_not_wipe_out_a_later_one() {
    let context = TestContext::new().await;
    let mut database = context.database().await;
    database.batch_execute("insert into pending_invalidations (list) values ('books')").await.unwrap();
    let reader = books(&context);
    let failing = database.transaction().await.unwrap();
    failing.batch_execute("lock table pending_invalidations in share row exclusive mode").await.unwrap();
    let repairing = tokio::spawn(async move { total(&reader).await });
    let waiting = "select exists (select from pg_locks
        where not granted and relation = 'pending_invalidations'::regclass)";
    while !failing.query_one(waiting, &[]).await.unwrap().get::<_, bool>(0) {}
    // What the next failure does, while the reader is about to delete the note of the first.
    failing.batch_execute("update pending_invalidations set mark = default").await.unwrap();
    failing.commit().await.unwrap();
    assert_eq!(repairing.await.unwrap(), 0);
    let pending = database.query_one("select count(*) from pending_invalidations", &[]).await.unwrap();
    assert_eq!(pending.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn whatever_is_damaged_is_a_miss_and_heals() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let mut redis = connection(&context).await;
    for (n, is_page) in [true, true, false, false].into_iter().enumerate() {
        total(&books).await;
        let damaged = keys(&context).await;
        for key in
            damaged.iter().filter(|key| key.contains(":cache:{books}") && key.ends_with('}') != is_page)
        {
            let spoil = if n % 2 == 0 {
                redis::pipe().set(key, "garbage").clone()
            } else {
                redis::pipe().del(key).lpush(key, "x").clone()
            };
            spoil.exec_async(&mut redis).await.unwrap();
        }
        // Also a write finds its way through the damage, and is seen.
        let book = json!({"title": "T", "author": "A"});
        assert_eq!(total(&books).await, i64::try_from(n).unwrap());
        assert_eq!(books.elsewhere().post("/books").bearer(&ada.access).json(&book).send().await.status, 201);
    }
    assert_eq!(total(&books).await, 4);
    context.database().await.batch_execute("delete from books").await.unwrap();
    assert_eq!(total(&books).await, 4, "the cache works again");
}

pub(crate) async fn connection(context: &TestContext) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(context.variable("REDIS_URL")).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The keys of this context.
pub(crate) async fn keys(context: &TestContext) -> Vec<String> {
    let pattern = format!("{}*", context.variable("REDIS_KEY_PREFIX"));
    redis::cmd("KEYS").arg(pattern).query_async(&mut connection(context).await).await.unwrap()
}

/// What a `FLUSHALL` does, to the keys of this context alone.
pub(crate) async fn delete_keys(context: &TestContext) {
    let keys = keys(context).await;
    redis::cmd("DEL").arg(keys).exec_async(&mut connection(context).await).await.unwrap();
}
