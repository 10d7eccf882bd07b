//! Rate limits: exact under concurrency, reported in headers, counted per network.

use std::time::{Duration, Instant};

use probe::Probe;
use proptest::prelude::{Just, ProptestConfig, prop_oneof};
use proptest::test_runner::TestRunner;
use shared::protection::limiter::{Limiter, RateLimitKey};
use shared::protection::quota::{Quota, SECOND};
use shared::stores::redis::Redis;
use testkit::{Client, TestContext};

use crate::support::redis_keys::{connection, delete_keys, keys};
use crate::support::responses::assert_problem;

const CLIENT: RateLimitKey<'static> = RateLimitKey::Client("somebody");

fn probe(context: &TestContext) -> Client {
    Client::start::<Probe>(context.env()).unwrap()
}

/// A limiter for quotas that no function has. So it signs in as the administrator.
fn limiter(context: &TestContext) -> Limiter {
    let env = context.clone().with("REDIS_URL", context.redis_admin_url()).env();
    Limiter::from_env(&env, Redis::from_env(&env).unwrap()).unwrap()
}

#[tokio::test]
async fn a_quota_counts_down_and_then_refuses() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "5/10");
    let probe = probe(&context);
    for remaining in (0..5).rev() {
        let response = probe.get("/probe/ping").send().await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("ratelimit-policy"), Some("\"default\";q=5;w=10"));
        let limit = response.header("ratelimit").unwrap();
        assert!(limit.starts_with(&format!("\"default\";r={remaining};t=")), "{limit}");
    }
    let refused = probe.get("/probe/ping").send().await;
    assert_problem(&refused, 429);
    assert!((1..=10).contains(&refused.retry_after().unwrap().as_secs()));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"default\";r=0;t="));
    assert_eq!(probe.from_new_network().get("/probe/ping").send().await.status, 200);
}

#[tokio::test]
async fn each_quota_is_counted_separately() {
    let context = TestContext::new().await.with("RATE_LIMIT_KNOCK", "3/60");
    let probe = probe(&context);
    for _ in 0..3 {
        assert_eq!(probe.post("/probe/knock").send().await.status, 200);
    }
    assert_problem(&probe.post("/probe/knock").send().await, 429);
    assert_eq!(probe.get("/probe/ping").send().await.status, 200);
}

#[tokio::test]
async fn a_variable_changes_a_quota() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/3600");
    let probe = probe(&context);
    let response = probe.get("/probe/ping").send().await;
    assert_eq!(response.header("ratelimit-policy"), Some("\"default\";q=1;w=3600"));
    assert_problem(&probe.get("/probe/ping").send().await, 429);
}

#[tokio::test]
async fn a_client_can_not_choose_its_network_by_header() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let probe = probe(&context);
    for (header, status) in [("192.0.2.1", 200), ("192.0.2.2", 429)] {
        let response = probe.get("/probe/ping").header("x-forwarded-for", header).send().await;
        assert_eq!(response.status, status);
    }
}

#[tokio::test]
async fn one_ipv4_address_or_ipv6_network_is_one_client_network() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let probe = probe(&context);
    for (ip, status) in [
        ("2001:db8:1:2::1", 200),
        ("2001:db8:1:2:ffff::2", 429),
        ("2001:db8:1:3::1", 200),
        ("192.0.2.1", 200),
        ("::ffff:192.0.2.1", 429),
        ("nonsense", 200),
        ("", 429),
    ] {
        assert_eq!(probe.from_ip(ip).get("/probe/ping").send().await.status, status, "{ip}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_quota_of_parallel_requests_is_admitted() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "20/60");
    let environments: Vec<_> = (0..4).map(|_| probe(&context).from_ip("192.0.2.1")).collect();
    let requests = (0..80).map(|n| {
        let probe = environments[n % 4].clone();
        tokio::spawn(async move { probe.get("/probe/ping").send().await.status })
    });
    let mut admitted = 0;
    for request in requests.collect::<Vec<_>>() {
        admitted += usize::from(request.await.unwrap() == 200);
    }
    assert_eq!(admitted, 20);
}

#[tokio::test]
async fn after_exactly_the_announced_wait_the_next_request_is_admitted() {
    const QUOTA: Quota = Quota::new("test", 3).per(SECOND);
    let context = TestContext::new().await;
    let limiter = limiter(&context);
    for round in 0..3 {
        let mut decision = limiter.admit(QUOTA, CLIENT).await.unwrap();
        while decision.admitted {
            decision = limiter.admit(QUOTA, CLIENT).await.unwrap();
        }
        assert!(decision.reset <= QUOTA.window && decision.reset > Duration::ZERO, "{round}: {decision:?}");
        // A wait is never told longer than the window, so one that begins in the millisecond of an admission is one
        // millisecond too short.
        tokio::time::sleep(decision.reset + Duration::from_millis(1)).await;
        assert!(limiter.admit(QUOTA, CLIENT).await.unwrap().admitted, "{round}");
    }
}

#[tokio::test]
async fn a_table_of_ones_own_has_its_own_overrides() {
    const UPLOADS: Quota = Quota::new("uploads", 3);
    let context = TestContext::new().await.with("RATE_LIMIT_UPLOADS", "1/60");
    let env = context.clone().with("REDIS_URL", context.redis_admin_url()).env();
    let redis = Redis::from_env(&env).unwrap();
    let limiter = Limiter::with_quotas(&env, redis.clone(), &[UPLOADS]).unwrap();
    for admitted in [true, false] {
        let decision = limiter.admit(UPLOADS, CLIENT).await.unwrap();
        assert_eq!((decision.admitted, decision.quota.limit), (admitted, 1));
    }
    let error = Limiter::from_env(&env, redis).err().unwrap().to_string();
    assert!(error.starts_with("RATE_LIMIT_UPLOADS "), "this API has no such quota: {error}");
}

#[tokio::test]
async fn a_damaged_key_is_replaced() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    // A new environment each time, since an environment remembers a refusal.
    let ping = async || probe(&context).from_ip("192.0.2.1").get("/probe/ping").send().await;
    ping().await;
    let key = keys(&context).await.pop().unwrap();
    let mut redis = connection(&context).await;
    for damage in [
        redis::pipe().del(&key).set(&key, "text"),
        redis::pipe().del(&key).rpush(&key, "not a time"),
        redis::pipe().del(&key).hset(&key, "a", "b"),
        redis::pipe().del(&key).rpush(&key, "99999999999999999"),
    ] {
        damage.exec_async(&mut redis).await.unwrap();
        assert_eq!(ping().await.status, 200);
        assert_problem(&ping().await, 429);
    }
    redis::cmd("LPUSH").arg(&key).arg("not a time").exec_async(&mut redis).await.unwrap();
    assert_problem(&ping().await, 429);
    redis::cmd("PERSIST").arg(&key).exec_async(&mut redis).await.unwrap();
    ping().await;
    let ttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
    assert!(ttl > 0, "a key without an expiry gets one");
    delete_keys(&context).await;
    assert_eq!(ping().await.status, 200);
}

#[tokio::test]
async fn the_wait_announced_for_a_lowered_quota_is_long_enough() {
    const BEFORE: Quota = Quota::new("test", 5).per(SECOND);
    const AFTER: Quota = Quota::new("test", 2).per(SECOND);
    let context = TestContext::new().await;
    let limiter = || limiter(&context);
    for _ in 0..5 {
        assert!(limiter().admit(BEFORE, CLIENT).await.unwrap().admitted);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = limiter().admit(AFTER, CLIENT).await.unwrap();
    assert!(!refused.admitted);
    tokio::time::sleep(refused.reset).await;
    assert!(limiter().admit(AFTER, CLIENT).await.unwrap().admitted);
}

#[tokio::test]
async fn clients_without_an_address_share_a_tenth_of_the_quota() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "20/60");
    let probe = probe(&context).from_ip("");
    for status in [200, 200, 429] {
        assert_eq!(probe.get("/probe/ping").send().await.status, status);
    }
}

#[tokio::test]
async fn every_route_except_health_reports_its_quota_and_reads_its_variable() {
    let context = TestContext::new().await;
    for function in testkit::functions::describe_all(|| context.env()).unwrap() {
        for (path, item) in &function.openapi.paths.paths {
            let client = crate::support::clients::client(&context, function.name);
            let methods = serde_json::to_value(item).unwrap();
            for method in methods.as_object().unwrap().keys() {
                let response =
                    client.request(&method.to_uppercase(), &path.replace("{id}", "1")).send().await;
                let policy = response.header("ratelimit-policy");
                assert_eq!(policy.is_none(), path == "/health", "{method} {path}");
                if let Some(name) = policy.and_then(|policy| policy.split('"').nth(1)) {
                    let variable = format!("RATE_LIMIT_{}", name.to_uppercase());
                    assert!(function.variables.contains(&variable), "{} ignores {variable}", function.name);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_a_hundred_admits_a_hundred_of_two_thousand_parallel_requests() {
    const QUOTA: Quota = Quota::new("test", 100);
    let context = TestContext::new().await;
    let limiters: Vec<_> = (0..4).map(|_| limiter(&context)).collect();
    let mut requests = tokio::task::JoinSet::new();
    for n in 0..2000 {
        let limiter = limiters[n % 4].clone();
        requests.spawn(async move {
            loop {
                // On a busy machine some of two thousand concurrent requests time out; they are repeated.
                if let Ok(decision) = limiter.admit(QUOTA, CLIENT).await {
                    return decision.admitted;
                }
            }
        });
    }
    let admitted = requests.join_all().await.into_iter().filter(|admitted| *admitted).count();
    assert_eq!(admitted, 100);
}

#[tokio::test]
async fn a_refused_client_is_refused_from_memory_until_the_wait_is_over() {
    const QUOTA: Quota = Quota::new("test", 1).per(SECOND);
    let context = TestContext::new().await;
    let limiter = limiter(&context);
    assert!(limiter.admit(QUOTA, CLIENT).await.unwrap().admitted);
    let first = limiter.admit(QUOTA, CLIENT).await.unwrap();
    // Redis has lost the count, so only the memory of the environment can refuse.
    delete_keys(&context).await;
    let second = limiter.admit(QUOTA, CLIENT).await.unwrap();
    assert!(!second.admitted && second.reset <= first.reset);
    tokio::time::sleep(second.reset).await;
    assert!(limiter.admit(QUOTA, CLIENT).await.unwrap().admitted);
}

#[tokio::test]
async fn losing_every_script_and_key_causes_no_failure() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for _ in 0..3 {
        assert_eq!(probe.get("/probe/ping").send().await.status, 200);
        redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut connection(&context).await).await.unwrap();
        delete_keys(&context).await;
    }
}

#[tokio::test]
async fn the_headers_are_structured_fields() {
    let context = TestContext::new().await;
    let response = probe(&context).get("/probe/ping").send().await;
    for (header, parameters) in [("ratelimit-policy", ["q", "w"]), ("ratelimit", ["r", "t"])] {
        let list = sfv::Parser::new(response.header(header).unwrap()).parse::<sfv::List>().unwrap();
        let [sfv::ListEntry::Item(item)] = &list[..] else { panic!("one policy: {list:?}") };
        assert_eq!(item.bare_item.as_string().map(sfv::StringRef::as_str), Some("default"));
        let names: Vec<_> = item.params.keys().map(|key| key.as_str()).collect();
        assert_eq!(names, parameters);
        assert!(item.params.values().all(|value| value.as_integer().is_some()));
    }
}

/// Sends requests with these pauses, in milliseconds. Returns for each the times before and after the decision, and
/// whether it was admitted.
async fn trace(limiter: &Limiter, quota: Quota, pauses: &[u64]) -> Vec<(Instant, Instant, bool)> {
    let mut trace = Vec::new();
    for pause in pauses {
        tokio::time::sleep(Duration::from_millis(*pause)).await;
        let before = Instant::now();
        let decision = limiter.admit(quota, CLIENT).await.unwrap();
        trace.push((before, Instant::now(), decision.admitted));
    }
    trace
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Checks the sliding window: none contains more than n admitted requests, and no request is refused while fewer than n
/// are in its window, or were up to a millisecond before: the limiter counts whole ones.
fn assert_exact(trace: &[(Instant, Instant, bool)], n: usize, window: Duration) {
    let admitted: Vec<_> = trace.iter().filter(|(.., admitted)| *admitted).collect();
    for crowd in admitted.windows(n + 1) {
        let ((first, ..), (_, last, _)) = (crowd[0], crowd[n]);
        assert!(*last - *first >= window, "{} in less than the window", n + 1);
    }
    for (before, ..) in trace.iter().filter(|(.., admitted)| !admitted) {
        let counted = admitted
            .iter()
            .filter(|(_, after, _)| after <= before && *before - *after <= window + MILLISECOND);
        assert!(counted.count() >= n, "refused with less than {n} in the window");
    }
}

#[test]
fn no_window_of_any_trace_holds_more_than_the_quota() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let context = runtime.block_on(TestContext::new());
    let traces = (1..5_u32, proptest::collection::vec(prop_oneof![Just(0), 0..8_u64, 40..70_u64], 10..30));
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&traces, |(n, pauses)| {
        let window = Duration::from_millis(200);
        let quota = Quota::new("trace", n).per(window);
        let limiter = limiter(&context);
        // The cases share the context and its keys.
        runtime.block_on(async { tokio::time::sleep(window).await });
        let trace = runtime.block_on(trace(&limiter, quota, &pauses));
        assert_exact(&trace, n as usize, window);
        Ok(())
    });
    outcome.unwrap();
}
