//! The cached list under concurrent readers, in one process and in several.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use stack::environment::ExecutionEnvironment;
use testkit::proxy::{Mode, Proxy};
use testkit::users::sign_up;
use testkit::{Client, TestContext};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::clients::probe;
use crate::support::page_cache::{cache, read, read_through};
use crate::support::responses::{assert_invalid, assert_problem};

/// A text that each query for a page contains once.
const PAGE_QUERY: &str = "pending_invalidations";

/// A text that each look-up of a page contains once.
const LOOK_UP: &str = ":lease";

/// Counts the queries for pages from now on: each reads the pending invalidations once, here a view that advances a
/// sequence, which no rollback undoes.
async fn count_queries(context: &TestContext) {
    let sql = "
        drop table pending_invalidations;
        create sequence queries;
        create view pending_invalidations as
            select 'notes' as list, 0::bigint as mark where nextval('queries') < 0;
        grant select on pending_invalidations to bookshelf_probe;
        grant usage on sequence queries to bookshelf_probe";
    context.database().await.batch_execute(sql).await.unwrap();
}

async fn queries(context: &TestContext) -> i64 {
    let sql = "select case when is_called then last_value else 0 end from queries";
    context.database().await.query_one(sql, &[]).await.unwrap().get(0)
}

/// Starts processes of `probe` and opens their connections.
async fn processes(context: &TestContext, count: usize) -> Vec<ExecutionEnvironment> {
    let mut processes = Vec::new();
    for _ in 0..count {
        let process = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
        // Each reads another page, since a cached one would open no connection to Postgres.
        let page = process.pid();
        let warm = Client::of(process.clone()).get(&format!("/probe/notes?page={page}")).send().await;
        assert_eq!(warm.status, 200, "{}", warm.text());
        processes.push(process);
    }
    processes
}

#[tokio::test]
async fn concurrent_misses_cause_at_most_two_queries() {
    for (count, misses) in [(2, 50), (2, 500), (4, 100)] {
        let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "64");
        count_queries(&context).await;
        let processes = processes(&context, count).await;
        let before = queries(&context).await;
        let clients = processes.iter().cycle().take(misses).map(|process| Client::of(process.clone()));
        let mut reads: JoinSet<_> =
            clients.map(|probe| async move { probe.get("/probe/notes").send().await }).collect();
        let mut tags = BTreeSet::new();
        while let Some(response) = reads.join_next().await {
            let response = response.unwrap();
            assert_eq!(response.status, 200, "{}", response.text());
            tags.insert(response.header("etag").unwrap().to_owned());
        }
        assert_eq!(tags.len(), 1, "all got one page");
        let count_of_queries = queries(&context).await - before;
        eprintln!("{misses} misses over {count} processes: {count_of_queries}");
        assert!(
            (1..=2).contains(&count_of_queries),
            "{misses} misses over {count} processes: {count_of_queries} queries"
        );
    }
}

#[tokio::test]
async fn none_of_a_thousand_reads_after_a_write_is_stale_in_any_process() {
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

/// Changes a note 250 times in one process and reads it after each change in another. Returns the number of stale
/// reads.
async fn stale_reads(writer: usize, clients: &[Client], token: &str) -> usize {
    let here = &clients[writer];
    let note = json!({"text": "0"});
    let created = here.from_new_network().post("/probe/notes").bearer(token).json(&note).send().await.json();
    let path = format!("/probe/notes/{}", created["id"]);
    let mut stale = 0;
    for n in 1..=250 {
        let text = n.to_string();
        let change = json!({"text": text});
        let changed = here.from_new_network().put(&path).bearer(token).json(&change).send().await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let list = clients[(writer + n) % 4].from_new_network().get("/probe/notes").send().await.json();
        let notes = list["items"].as_array().unwrap();
        let read = notes.iter().find(|note| note["id"] == created["id"]).unwrap();
        stale += usize::from(read["text"] != text);
    }
    stale
}

#[tokio::test]
async fn others_fetch_a_page_when_the_process_that_fetches_it_is_killed() {
    let context = with_fill_timeout(300).await.with("AWS_LAMBDA_MAX_CONCURRENCY", "8");
    count_queries(&context).await;
    let others = processes(&context, 1).await;
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let first = processes(&context, 1).await;
    let (before, sent_before) = (queries(&context).await, proxy.count(PAGE_QUERY));
    proxy.set(Mode::Holding);
    let event = testkit::gateway_events::http_api_event("GET", "/probe/notes", "").to_string();
    let killed = {
        let first = first[0].clone();
        tokio::spawn(async move { testkit::Invoke::invoke(&first, &event).await })
    };
    proxy.until_holding().await;
    let mut waiting: JoinSet<_> = (0..5)
        .map(|_| {
            let probe = Client::of(others[0].clone());
            async move { probe.get("/probe/notes").send().await.status }
        })
        .collect();
    first[0].kill().await;
    assert!(killed.await.unwrap().is_err());
    let served = async {
        while let Some(status) = waiting.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }
    };
    timeout(Duration::from_secs(2), served).await.expect("no reader waits long for the killed process");
    proxy.set(Mode::Open);
    // The killed process may have sent its query, or, on a slow machine, no more than a ping.
    let by_the_killed = i64::try_from(proxy.count(PAGE_QUERY) - sent_before).unwrap();
    assert_eq!(queries(&context).await - before - by_the_killed, 1, "the others queried once");
}

/// A context where readers wait no longer than this for another reader to fill the cache.
async fn with_fill_timeout(milliseconds: u32) -> TestContext {
    TestContext::new().await.with("CACHE_PATIENCE_MS", &milliseconds.to_string())
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_page_older_than_a_completed_write() {
    let context = TestContext::new().await;
    let (cache, writer) = (cache(&context), cache(&context));
    let (queried, released) = (Notify::new(), Notify::new());
    let before = read(&cache, async || {
        queried.notify_one();
        released.notified().await;
        "before"
    });
    let after = async {
        queried.notified().await;
        writer.invalidate().await.unwrap();
        // This read began after the write, whichever of the two ends first.
        tokio::join!(read(&cache, async || "after"), async {
            sleep(Duration::from_millis(50)).await;
            released.notify_one();
        })
    };
    let (before, (after, ())) = tokio::join!(before, after);
    assert_eq!((before.as_str(), after.as_str()), ("before", "after"));
    assert_eq!(read(&writer, async || "not queried").await, "after");
}

#[tokio::test]
async fn a_cancelled_reader_leaves_the_page_to_the_next() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let queried = Notify::new();
    let given_up = read(&cache, async || {
        queried.notify_one();
        std::future::pending().await
    });
    tokio::select! {
        _ = given_up => panic!("the query never ends"),
        () = queried.notified() => {}
    }
    assert_eq!(read(&cache, async || "page").await, "page");
    assert_eq!(read(&cache, async || "not queried").await, "page");
}

#[tokio::test]
async fn a_hanging_query_delays_other_readers_only_briefly() {
    let context = with_fill_timeout(300).await;
    let (here, elsewhere) = (cache(&context), cache(&context));
    let queried = Notify::new();
    let hanging = read(&here, async || {
        queried.notify_one();
        std::future::pending().await
    });
    let others = async {
        queried.notified().await;
        tokio::join!(read(&here, async || "page"), read(&elsewhere, async || "page"))
    };
    tokio::select! {
        _ = hanging => panic!("the query never ends"),
        pages = timeout(Duration::from_secs(5), others) => {
            assert_eq!(pages.unwrap(), ("page".to_owned(), "page".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_failed_query_is_repeated_by_a_reader_that_waited_for_it() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    let failing = async || {
        sleep(Duration::from_millis(20)).await;
        Err("unavailable")
    };
    let first = read_through(&cache, failing);
    let second = read(&cache, async || "page");
    let (first, second) = tokio::join!(biased; first, second);
    assert!(matches!((first, second.as_str()), (Err("unavailable"), "page")));
}

#[tokio::test]
async fn a_lease_without_expiry_is_taken_over() {
    let context = TestContext::new().await;
    let cache = cache(&context);
    cache.invalidate().await.unwrap();
    let mut redis = crate::support::redis_keys::connection(&context).await;
    let space = format!("{}cache:{{test}}", context.variable("REDIS_KEY_PREFIX"));
    let version: String = redis::cmd("GET").arg(&space).query_async(&mut redis).await.unwrap();
    let lease = format!("{space}:page:lease");
    for damage in [redis::cmd("SET"), redis::cmd("LPUSH")] {
        redis::cmd("DEL").arg(&lease).exec_async(&mut redis).await.unwrap();
        damage.clone().arg(&lease).arg(format!("{version}:other")).exec_async(&mut redis).await.unwrap();
        redis::cmd("DEL").arg(format!("{space}:page")).exec_async(&mut redis).await.unwrap();
        assert_eq!(read(&cache, async || "page").await, "page");
        let left: i64 = redis::cmd("PTTL").arg(&lease).query_async(&mut redis).await.unwrap();
        assert_ne!(left, -1, "the lease has an expiry");
    }
}

#[tokio::test]
async fn the_limiter_and_the_cache_are_queried_concurrently() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "REDIS_URL").await;
    let probe = probe(&context);
    assert_eq!(probe.get("/probe/notes").send().await.status, 200);
    let (admissions, lookups) = (proxy.count(":limit:"), proxy.count(LOOK_UP));
    proxy.set(Mode::Holding);
    let response = tokio::spawn(async move { probe.get("/probe/notes").send().await });
    proxy.until_sent(":limit:", admissions + 1).await;
    proxy.until_sent(LOOK_UP, lookups + 1).await;
    proxy.set(Mode::Open);
    let response = response.await.unwrap();
    assert_eq!(response.status, 200);
    assert!(response.header("ratelimit").is_some());
}

#[tokio::test]
async fn a_refused_request_gets_nothing_of_the_cached_page() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let probe = probe(&context);
    assert_eq!(probe.get("/probe/notes").send().await.status, 200);
    let refused = probe.get("/probe/notes").send().await;
    assert_problem(&refused, 429);
    assert_eq!(refused.header("etag"), None);
    let (admissions, lookups) = (proxy.count(":limit:"), proxy.count(LOOK_UP));
    assert_problem(&probe.get("/probe/notes").send().await, 429);
    // On the same connection: all earlier commands have reached the proxy when this response arrives.
    assert_problem(&probe.from_new_network().get("/probe/notes/1").send().await, 404);
    let new = (proxy.count(":limit:") - admissions, proxy.count(LOOK_UP) - lookups);
    assert_eq!(new, (1, 0), "a refusal from memory makes no lookup");
}

#[tokio::test]
async fn only_a_valid_query_is_looked_up_in_the_cache() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "REDIS_URL").await;
    let probe = probe(&context);
    assert_invalid(&probe.get("/probe/notes?page=0").send().await, &["page"]);
    assert_problem(&probe.post("/probe/notes").json(&json!({})).send().await, 401);
    assert_eq!(probe.request("OPTIONS", "/probe/notes").send().await.status, 204);
    assert_eq!(proxy.count(LOOK_UP), 0);
    assert_eq!(probe.request("HEAD", "/probe/notes").send().await.status, 200);
    assert_ne!(proxy.count(LOOK_UP), 0);
}

#[tokio::test]
async fn an_unresponsive_redis_gets_two_concurrent_requests_and_no_more() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "REDIS_URL").await;
    let probe = probe(&context);
    assert_eq!(probe.get("/probe/notes?page=2").send().await.status, 200);
    let (admissions, lookups) = (proxy.count(":limit:"), proxy.count(LOOK_UP));
    proxy.set(Mode::Swallowing);
    assert_eq!(probe.get("/probe/notes").send().await.status, 200);
    assert_eq!((proxy.count(":limit:"), proxy.count(LOOK_UP)), (admissions + 1, lookups + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spaced_requests_over_many_environments_begin_no_more_queries_than_are_admitted() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "10/2");
    let environments: Vec<_> = processes(&context, 4).await.into_iter().map(Client::of).collect();
    count_queries(&context).await;
    let before = queries(&context).await;
    let mut admitted = 0;
    // Spaced evenly, each refusal is told a short wait. Then all environments are asked at once.
    for burst in 0..40 {
        let mut requests = JoinSet::new();
        for (n, probe) in environments.iter().enumerate() {
            let probe = probe.from_ip("192.0.2.9");
            let list = format!("/probe/notes?page={}", 1000 + 4 * burst + n);
            requests.spawn(async move { probe.get(&list).send().await.status });
        }
        admitted += requests.join_all().await.iter().filter(|status| **status == 200).count();
        sleep(Duration::from_millis(100)).await;
    }
    assert!(admitted >= 10, "{admitted} were admitted");
    assert_eq!(queries(&context).await - before, i64::try_from(admitted).unwrap());
}
