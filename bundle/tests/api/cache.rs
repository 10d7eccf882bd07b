//! The cached list: never older than a write that was answered.

use serde_json::json;
use shared::cache::{Cache, Lookup, Sealed};
use shared::redis::Redis;
use shared::testing::{Client, Stage};

use crate::people::{books, sign_up};

async fn total(books: &Client) -> i64 {
    books.elsewhere().get("/books").send().await.json()["total"].as_i64().unwrap()
}

#[tokio::test]
async fn a_second_look_comes_from_the_cache() {
    let stage = Stage::new().await;
    let books = books(&stage);
    assert_eq!(total(&books).await, 0);
    // A row that the API didn't write: only a look at the database can see it.
    stage
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
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let (writer, reader) = (books(&stage), books(&stage));
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

#[tokio::test]
async fn a_slow_reader_can_not_publish_what_a_writer_made_untrue() {
    let stage = Stage::new().await;
    let cache = Cache::new(Redis::from_env(&stage.env()).unwrap(), "test");
    let Lookup::Miss(version) = cache.read("page").await.unwrap() else { panic!("nothing is stored yet") };
    cache.forget_all().await.unwrap();
    cache.store("page", version, &Sealed::new(b"stale")).await.unwrap();
    let Lookup::Miss(version) = cache.read("page").await.unwrap() else {
        panic!("a stale page was published")
    };
    cache.store("page", version, &Sealed::new(b"fresh")).await.unwrap();
    assert!(matches!(cache.read("page").await.unwrap(), Lookup::Hit(page) if page.page() == "fresh"));
}

#[tokio::test]
async fn losing_every_key_neither_fails_nor_revives_an_old_page() {
    let stage = Stage::new().await;
    let cache = Cache::new(Redis::from_env(&stage.env()).unwrap(), "test");
    let Lookup::Miss(old) = cache.read("page").await.unwrap() else { panic!("nothing is stored yet") };
    delete_keys(&stage).await;
    cache.store("page", old, &Sealed::new(b"old")).await.unwrap();
    let Lookup::Miss(new) = cache.read("page").await.unwrap() else { panic!("an old page came back") };
    assert!(new > old, "the version never goes back");
}

#[tokio::test]
async fn whatever_is_damaged_is_a_miss_and_heals() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let books = books(&stage);
    let mut redis = connection(&stage).await;
    for (n, is_page) in [true, true, false, false].into_iter().enumerate() {
        total(&books).await;
        let damaged = keys(&stage).await;
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
    stage.database().await.batch_execute("delete from books").await.unwrap();
    assert_eq!(total(&books).await, 4, "the cache works again");
}

pub(crate) async fn connection(stage: &Stage) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(stage.variable("REDIS_URL")).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The keys of this stage.
pub(crate) async fn keys(stage: &Stage) -> Vec<String> {
    let pattern = format!("{}*", stage.variable("REDIS_KEY_PREFIX"));
    redis::cmd("KEYS").arg(pattern).query_async(&mut connection(stage).await).await.unwrap()
}

/// What a `FLUSHALL` does, to the keys of this stage alone.
pub(crate) async fn delete_keys(stage: &Stage) {
    let keys = keys(stage).await;
    redis::cmd("DEL").arg(keys).exec_async(&mut connection(stage).await).await.unwrap();
}
