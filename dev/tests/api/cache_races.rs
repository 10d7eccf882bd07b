//! The cached list under many readers at once, in one process and in several.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use serde_json::json;
use shared::cache::{Cache, CachedPage};
use shared::stores::redis::Redis;
use stack::environment::ExecutionEnvironment;
use testkit::{Client, TestContext};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::users::{assert_invalid, assert_problem, books, sign_up};
use testkit::proxy::{Mode, Proxy};

/// What stands once in each query for a page.
const PENDING: &str = "pending_invalidations";

/// Counts the queries for pages from now on: each asks once for invalidations that are pending, and a sequence is
/// never rolled back.
async fn count_queries(context: &TestContext) {
    let sql = "
        drop table pending_invalidations;
        create sequence queries;
        create view pending_invalidations as
            select 'books' as list, 0::bigint as mark where nextval('queries') < 0;
        grant select on pending_invalidations to bookshelf_books;
        grant usage on sequence queries to bookshelf_books";
    context.database().await.batch_execute(sql).await.unwrap();
}

async fn queries(context: &TestContext) -> i64 {
    let sql = "select case when is_called then last_value else 0 end from queries";
    context.database().await.query_one(sql, &[]).await.unwrap().get(0)
}

/// Processes of `books` whose connections are open.
async fn processes(context: &TestContext, count: usize) -> Vec<ExecutionEnvironment> {
    let mut processes = Vec::new();
    for _ in 0..count {
        let process = ExecutionEnvironment::start("books", context.variables()).await.unwrap();
        // A page of its own: one from the cache would open no connection to Postgres.
        let page = process.pid();
        let warm = Client::of(process.clone()).get(&format!("/books?page={page}")).send().await;
        assert_eq!(warm.status, 200, "{}", warm.text());
        processes.push(process);
    }
    processes
}

#[tokio::test]
async fn many_misses_at_once_are_two_queries_at_most() {
    for (count, misses) in [(2, 50), (2, 500), (4, 100)] {
        let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "64");
        count_queries(&context).await;
        let processes = processes(&context, count).await;
        let before = queries(&context).await;
        let clients = processes.iter().cycle().take(misses).map(|process| Client::of(process.clone()));
        let mut asking: JoinSet<_> =
            clients.map(|books| async move { books.get("/books").send().await }).collect();
        let mut tags = BTreeSet::new();
        while let Some(answer) = asking.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            tags.insert(answer.header("etag").unwrap().to_owned());
        }
        assert_eq!(tags.len(), 1, "all got one page");
        let asked = queries(&context).await - before;
        eprintln!("{misses} misses over {count} processes: {asked}");
        assert!((1..=2).contains(&asked), "{misses} misses over {count} processes: {asked} queries");
    }
}

#[tokio::test]
async fn of_a_thousand_reads_after_a_write_none_is_stale_in_any_process() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let processes = processes(&context, 4).await;
    let clients: Vec<_> = processes.iter().map(|process| Client::of(process.clone())).collect();
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (clients, token) = (clients.clone(), ada.access.clone());
        writers.spawn(async move { stale_reads(writer, &clients, &token).await });
    }
    assert_eq!(writers.join_all().await, [0; 4]);
}

/// Changes a book 250 times in one process, and after each time reads it in another. Says how often it was old.
async fn stale_reads(writer: usize, clients: &[Client], token: &str) -> usize {
    let here = &clients[writer];
    let book = json!({"title": "0", "author": "A"});
    let created = here.elsewhere().post("/books").bearer(token).json(&book).send().await.json();
    let path = format!("/books/{}", created["id"]);
    let mut stale = 0;
    for n in 1..=250 {
        let title = n.to_string();
        let change = json!({"title": title});
        let changed = here.elsewhere().put(&path).bearer(token).json(&change).send().await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let list = clients[(writer + n) % 4].elsewhere().get("/books").send().await.json();
        let books = list["items"].as_array().unwrap();
        let read = books.iter().find(|book| book["id"] == created["id"]).unwrap();
        stale += usize::from(read["title"] != title);
    }
    stale
}

#[tokio::test]
async fn when_the_process_that_fetches_a_page_is_killed_the_others_fetch_it() {
    let context = patient(300).await.with("AWS_LAMBDA_MAX_CONCURRENCY", "8");
    count_queries(&context).await;
    let others = processes(&context, 1).await;
    let (context, proxy) = Proxy::within(context, "DATABASE_URL").await;
    let first = processes(&context, 1).await;
    let (before, sent_before) = (queries(&context).await, proxy.count(PENDING));
    proxy.set(Mode::Holding);
    let event = crate::events::v2("GET", "/books", "").to_string();
    let killed = {
        let first = first[0].clone();
        tokio::spawn(async move { testkit::Invoke::invoke(&first, &event).await })
    };
    proxy.until_holding().await;
    let mut waiting: JoinSet<_> = (0..5)
        .map(|_| {
            let books = Client::of(others[0].clone());
            async move { books.get("/books").send().await.status }
        })
        .collect();
    first[0].kill().await;
    assert!(killed.await.unwrap().is_err());
    let served = async {
        while let Some(status) = waiting.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }
    };
    timeout(Duration::from_secs(2), served).await.expect("nobody waits long for the dead");
    proxy.set(Mode::Open);
    // The one that was killed may have asked; on a slow machine it had only got as far as a ping.
    let by_the_dead = i64::try_from(proxy.count(PENDING) - sent_before).unwrap();
    assert_eq!(queries(&context).await - before - by_the_dead, 1, "the others asked once");
}

/// A context where nobody waits longer for somebody else's fill, as in production.
async fn patient(milliseconds: u32) -> TestContext {
    TestContext::new().await.with("CACHE_PATIENCE_MS", &milliseconds.to_string())
}

fn cache(context: &TestContext) -> Cache {
    Cache::from_env(&context.env(), Redis::from_env(&context.env()).unwrap(), "test").unwrap()
}

async fn look(cache: &Cache, query: impl AsyncFnOnce() -> &'static str) -> String {
    let query = async || Ok::<_, Infallible>(CachedPage::new("", query().await.as_bytes()));
    let page = cache.read_through("page", query).await.unwrap();
    String::from_utf8(page.body().to_vec()).unwrap()
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_page_from_before_a_write_that_it_could_know_of() {
    let context = TestContext::new().await;
    let (cache, writer) = (cache(&context), cache(&context));
    let (asked, answered) = (Notify::new(), Notify::new());
    let before = look(&cache, async || {
        asked.notify_one();
        answered.notified().await;
        "before"
    });
    let after = async {
        asked.notified().await;
        writer.invalidate().await.unwrap();
        // However the two race, this one began after the write.
        tokio::join!(look(&cache, async || "after"), async {
            sleep(Duration::from_millis(50)).await;
            answered.notify_one();
        })
    };
    let (before, (after, ())) = tokio::join!(before, after);
    assert_eq!((before.as_str(), after.as_str()), ("before", "after"));
    assert_eq!(look(&writer, async || "unasked").await, "after");
}

#[tokio::test]
async fn a_reader_who_gives_up_leaves_the_page_to_the_next() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let asked = Notify::new();
    let given_up = look(&cache, async || {
        asked.notify_one();
        std::future::pending().await
    });
    tokio::select! {
        _ = given_up => panic!("it waits for ever"),
        () = asked.notified() => {}
    }
    assert_eq!(look(&cache, async || "page").await, "page");
    assert_eq!(look(&cache, async || "unasked").await, "page");
}

#[tokio::test]
async fn a_query_that_hangs_holds_up_nobody_else_for_long() {
    let context = patient(300).await;
    let (here, elsewhere) = (cache(&context), cache(&context));
    let asked = Notify::new();
    let hanging = look(&here, async || {
        asked.notify_one();
        std::future::pending().await
    });
    let others = async {
        asked.notified().await;
        tokio::join!(look(&here, async || "page"), look(&elsewhere, async || "page"))
    };
    tokio::select! {
        _ = hanging => panic!("it waits for ever"),
        pages = timeout(Duration::from_secs(5), others) => {
            assert_eq!(pages.unwrap(), ("page".to_owned(), "page".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_query_that_fails_is_tried_by_whoever_waits_for_it() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let failing = async || {
        sleep(Duration::from_millis(20)).await;
        Err("away")
    };
    let first = cache.read_through("page", failing);
    let second = look(&cache, async || "page");
    let (first, second) = tokio::join!(biased; first, second);
    assert!(matches!((first, second.as_str()), (Err("away"), "page")));
}

#[tokio::test]
async fn a_lease_that_would_never_end_is_taken_over() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    cache.invalidate().await.unwrap();
    let mut redis = crate::cache::connection(&context).await;
    let space = format!("{}cache:{{test}}", context.variable("REDIS_KEY_PREFIX"));
    let version: String = redis::cmd("GET").arg(&space).query_async(&mut redis).await.unwrap();
    let lease = format!("{space}:{version}:page:lease");
    for damage in [redis::cmd("SET"), redis::cmd("LPUSH")] {
        redis::cmd("DEL").arg(&lease).exec_async(&mut redis).await.unwrap();
        damage.clone().arg(&lease).arg("x").exec_async(&mut redis).await.unwrap();
        redis::cmd("DEL").arg(format!("{space}:{version}:page")).exec_async(&mut redis).await.unwrap();
        assert_eq!(look(&cache, async || "page").await, "page");
        let left: i64 = redis::cmd("PTTL").arg(&lease).query_async(&mut redis).await.unwrap();
        assert_ne!(left, -1, "it has no end");
    }
}

#[tokio::test]
async fn the_limiter_and_the_cache_are_asked_together() {
    let (context, proxy) = Proxy::within(TestContext::new().await, "REDIS_URL").await;
    let books = books(&context);
    assert_eq!(books.get("/books").send().await.status, 200);
    let (admitted, looked) = (proxy.count(":limit:"), proxy.count(":cache:"));
    proxy.set(Mode::Holding);
    let answer = tokio::spawn(async move { books.get("/books").send().await });
    proxy.until_sent(":limit:", admitted + 1).await;
    proxy.until_sent(":cache:", looked + 1).await;
    proxy.set(Mode::Open);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.header("ratelimit").is_some());
}

#[tokio::test]
async fn who_is_refused_gets_nothing_of_what_was_looked_up() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let (context, proxy) = Proxy::within(context, "REDIS_URL").await;
    let books = books(&context);
    assert_eq!(books.get("/books").send().await.status, 200);
    let refused = books.get("/books").send().await;
    assert_problem(&refused, 429);
    assert_eq!(refused.header("etag"), None);
    let (admitted, looked) = (proxy.count(":limit:"), proxy.count(":cache:"));
    assert_problem(&books.get("/books").send().await, 429);
    // On the same connection: whatever was asked before has come to the proxy when this is answered.
    assert_problem(&books.elsewhere().get("/books/1").send().await, 404);
    let asked = (proxy.count(":limit:") - admitted, proxy.count(":cache:") - looked);
    assert_eq!(asked, (1, 0), "who is refused from memory is not worth a trip");
}

#[tokio::test]
async fn only_a_good_query_asks_the_cache() {
    let (context, proxy) = Proxy::within(TestContext::new().await, "REDIS_URL").await;
    let books = books(&context);
    assert_invalid(&books.get("/books?page=0").send().await, &["page"]);
    assert_problem(&books.post("/books").json(&json!({})).send().await, 401);
    assert_eq!(books.request("OPTIONS", "/books").send().await.status, 204);
    assert_eq!(proxy.count(":cache:"), 0);
    assert_eq!(books.request("HEAD", "/books").send().await.status, 200);
    assert_ne!(proxy.count(":cache:"), 0);
}

#[tokio::test]
async fn a_silent_redis_is_asked_twice_at_once_and_not_again() {
    let (context, proxy) = Proxy::within(TestContext::new().await, "REDIS_URL").await;
    let books = books(&context);
    assert_eq!(books.get("/books?page=2").send().await.status, 200);
    let (admitted, looked) = (proxy.count(":limit:"), proxy.count(":cache:"));
    proxy.set(Mode::Swallowing);
    assert_eq!(books.get("/books").send().await.status, 200);
    assert_eq!((proxy.count(":limit:"), proxy.count(":cache:")), (admitted + 1, looked + 1));
}
