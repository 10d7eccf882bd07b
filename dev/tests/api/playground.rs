// part of rl-demo, bf-demo

//! The playground: its page is served where the demos are, and each demo shows a caller what it keeps of that caller.

use serde_json::{Value, json};
use shared::lambda::function::Function;
use shared::protection::quotas;
use testkit::{Client, Response, TestContext};

use crate::support::redis_keys::{connection, keys};
use crate::support::responses::{assert_invalid, assert_problem};

const WINDOW: &str = "/rl-demo/window";

fn start<F: Function>(context: &TestContext) -> Client {
    Client::start::<F>(context.env()).unwrap()
}

async fn show(client: &Client, target: &str) -> Value {
    let response = client.get(target).send().await;
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.json()
}

/// The numbers of a list, which must be in ascending order.
fn ascending(list: &Value) -> Vec<u64> {
    let numbers: Vec<_> = list.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    numbers
}

#[tokio::test]
async fn the_window_shows_what_counts_against_its_caller_and_looking_does_not_count() {
    let context = TestContext::new().await;
    let demo = start::<rl_demo::App>(&context);
    let (limit, window) = (quotas::PING.limit as usize, quotas::PING.window.as_millis());
    let empty = json!({
        "quota": "ping", "limit": limit, "window_ms": window, "remaining": limit, "next_passes_in_ms": 0,
        "leaves_in_ms": [],
    });
    assert_eq!(show(&demo, WINDOW).await, empty);
    for admitted in 1..=limit {
        assert_eq!(demo.get("/rl-demo/ping").send().await.status, 200);
        // Another execution environment shows the same: the log is in Redis.
        for shown in [
            show(&demo, WINDOW).await,
            show(&start::<rl_demo::App>(&context).from_ip_of(&demo), WINDOW).await,
        ] {
            let leaves = ascending(&shown["leaves_in_ms"]);
            assert_eq!(leaves.len(), admitted, "{shown}");
            assert!(leaves.iter().all(|wait| (1..=window + 1).contains(&u128::from(*wait))), "{shown}");
            assert_eq!(shown["remaining"], limit - admitted);
            let next = if admitted == limit { leaves[0] } else { 0 };
            assert_eq!(shown["next_passes_in_ms"], next);
        }
    }
    let refused = demo.get("/rl-demo/ping").send().await;
    assert_problem(&refused, 429);
    let shown = show(&demo, WINDOW).await;
    assert_eq!(ascending(&shown["leaves_in_ms"]).len(), limit, "a refused request is not in the log");
    let told = refused.retry_after().unwrap().as_millis();
    assert!(u128::from(shown["next_passes_in_ms"].as_u64().unwrap()) <= told, "{shown} after {told} ms");
    assert_eq!(show(&demo.from_new_network(), WINDOW).await, empty, "another network has another log");
}

#[tokio::test]
async fn the_window_of_each_quota_is_shown_by_itself_and_of_no_other() {
    let context = TestContext::new().await.with("RATE_LIMIT_PING", "7/30");
    let demo = start::<rl_demo::App>(&context);
    assert_eq!(demo.post("/rl-demo/login-sim").send().await.status, 200);
    let shown = show(&demo, "/rl-demo/window?quota=login_sim").await;
    assert_eq!(
        (&shown["quota"], &shown["limit"], &shown["remaining"]),
        (&json!("login_sim"), &json!(quotas::LOGIN_SIM.limit), &json!(quotas::LOGIN_SIM.limit - 1))
    );
    let shown = show(&demo, "/rl-demo/window?quota=ping").await;
    assert_eq!(
        (&shown["limit"], &shown["window_ms"], &shown["remaining"]),
        (&json!(7), &json!(30_000), &json!(7))
    );
    for query in ["quota=default", "quota=", "quota=ping&quota=ping"] {
        assert_invalid(&demo.get(&format!("{WINDOW}?{query}")).send().await, &["quota"]);
    }
    assert_invalid(&demo.get(&format!("{WINDOW}?network=192.0.2.1")).send().await, &["network"]);
}

async fn guess(demo: &Client, name: &str, password: &str) -> Response {
    demo.post("/bf-demo/login").json(&json!({"username": name, "password": password})).send().await
}

#[tokio::test]
async fn the_state_shows_the_failures_and_the_lock_of_a_name_for_its_caller_alone() {
    let context = TestContext::new().await;
    let demo = start::<bf_demo::App>(&context);
    let open = json!({
        "threshold": 5, "window_ms": 120_000, "lock_ms": 60_000, "locked_for_ms": 0, "in_flight": 0,
        "failures_end_in_ms": [],
    });
    let state = "/bf-demo/state?username=ada";
    assert_eq!(show(&demo, state).await, open);
    for failures in 1..5 {
        assert_eq!(guess(&demo, "ada", "wrong").await.status, 200);
        let shown = show(&demo, state).await;
        let ends = ascending(&shown["failures_end_in_ms"]);
        assert_eq!(ends.len(), failures, "looking is no guess");
        assert!(ends.iter().all(|wait| (1..=120_000).contains(wait)), "{shown}");
    }
    assert_eq!(
        show(&demo, "/bf-demo/state?username=%20ADA+").await["failures_end_in_ms"].as_array().unwrap().len(),
        4
    );
    assert_eq!(guess(&demo, "ada", "wrong").await.status, 200);
    let locked = show(&demo, state).await;
    assert!((1..=60_000).contains(&locked["locked_for_ms"].as_u64().unwrap()), "{locked}");
    assert_eq!(locked["failures_end_in_ms"], json!([]), "after the lock all tries are there again");
    assert_eq!(show(&demo, "/bf-demo/state?username=bob").await, open);
    assert_eq!(show(&demo.from_new_network(), state).await, open, "another network has another lock");
    assert_invalid(&demo.get("/bf-demo/state").send().await, &["username"]);
}

#[tokio::test]
async fn a_guess_in_flight_is_shown_and_a_right_one_clears_the_failures() {
    use shared::protection::lockout::{Admission, Lockout, Rule};
    use shared::protection::quota::SECOND;
    use shared::stores::redis::Redis;

    let context = TestContext::new().await;
    let demo = start::<bf_demo::App>(&context).from_ip("192.0.2.1");
    assert_eq!(guess(&demo, "ada", "wrong").await.status, 200);
    let lockout = Lockout::new(&Redis::from_env(&context.env_of("bf-demo")).unwrap());
    let rule = Rule::new("demo", 5, SECOND * 120, SECOND * 60);
    let counter = lockout.counter(rule, &["ada", "192.0.2.1"]);
    let Admission::Allowed(attempt) = lockout.begin(vec![counter]).await.unwrap() else { panic!("locked") };
    let state = "/bf-demo/state?username=ada";
    let shown = show(&demo, state).await;
    assert_eq!((&shown["in_flight"], ascending(&shown["failures_end_in_ms"]).len()), (&json!(1), 1));
    attempt.succeeded().await.unwrap();
    let shown = show(&demo, state).await;
    assert_eq!((&shown["in_flight"], &shown["failures_end_in_ms"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn callers_without_an_address_are_shown_nothing_since_they_share_it() {
    let context = TestContext::new().await;
    let demo = start::<rl_demo::App>(&context).from_ip("");
    let _ = demo.get("/rl-demo/ping").send().await;
    assert_problem(&demo.get(WINDOW).send().await, 404);
    let demo = start::<bf_demo::App>(&context).from_ip("");
    assert_eq!(guess(&demo, "ada", "wrong").await.status, 200);
    assert_problem(&demo.get("/bf-demo/state?username=ada").send().await, 404);
}

#[tokio::test]
async fn looking_has_a_quota_of_its_own_which_both_demos_share() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEMO_STATE", "2/60");
    let limiter = start::<rl_demo::App>(&context);
    let lockout = start::<bf_demo::App>(&context).from_ip_of(&limiter);
    let looked = limiter.get(WINDOW).send().await;
    assert_eq!((looked.status, looked.header("ratelimit-policy")), (200, Some("\"demo_state\";q=2;w=60")));
    let _ = show(&lockout, "/bf-demo/state?username=ada").await;
    assert_problem(&limiter.get(WINDOW).send().await, 429);
    assert_problem(&lockout.get("/bf-demo/state?username=ada").send().await, 429);
    assert_eq!(limiter.get("/rl-demo/ping").send().await.status, 200);
    assert_eq!(guess(&lockout, "ada", "letmein").await.status, 200);
}

/// Whatever lies under a key, looking at it changes nothing: it is left to the next count to put it right.
#[tokio::test]
async fn a_damaged_key_is_shown_as_empty_and_left_alone() {
    let context = TestContext::new().await;
    let (limiter, lockout) = (start::<rl_demo::App>(&context), start::<bf_demo::App>(&context));
    assert_eq!(limiter.get("/rl-demo/ping").send().await.status, 200);
    assert_eq!(guess(&lockout, "ada", "wrong").await.status, 200);
    let mut redis = connection(&context).await;
    let kept: Vec<_> = keys(&context).await.into_iter().filter(|key| !key.contains(":limit:demo_")).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let state = "/bf-demo/state?username=ada";
    for damage in [&["SET", "x"][..], &["SET", "x", "PX", "60000"], &["RPUSH", "x"], &["ZADD", "inf", "x"]] {
        for key in &kept {
            redis::cmd("DEL").arg(key).exec_async(&mut redis).await.unwrap();
            redis::cmd(damage[0]).arg(key).arg(&damage[1..]).exec_async(&mut redis).await.unwrap();
        }
        assert_eq!(show(&limiter, WINDOW).await["leaves_in_ms"], json!([]), "{damage:?}");
        assert_eq!(show(&lockout, state).await["failures_end_in_ms"], json!([]), "{damage:?}");
        for key in &kept {
            let kind: String = redis::cmd("TYPE").arg(key).query_async(&mut redis).await.unwrap();
            assert_ne!(kind, "none", "{damage:?}");
        }
    }
}

/// The URLs that a page names, resolved as a browser does: against its path up to the last `/`.
fn urls_of(page: &Response, path: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').unwrap().0;
    let named = ["<link rel=\"stylesheet\" href=\"", " src=\""].into_iter();
    let rest = named.flat_map(|before| page.text().split(before).skip(1));
    rest.map(|rest| format!("{folder}/{}", rest.split('"').next().unwrap())).collect()
}

#[tokio::test]
async fn the_page_and_its_files_are_served_under_the_policy_of_the_docs() {
    let context = TestContext::new().await.with("STAGE_PREFIX", "/prod").with("PLAYGROUND", "true");
    let system = start::<system::App>(&context);
    for path in ["/playground", "/playground/", "/prod/playground", "/prod/playground/"] {
        let page = system.get(path).send().await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let docs = system.get("/docs").send().await;
        let policy = page.header("content-security-policy");
        assert!(policy.is_some() && policy == docs.header("content-security-policy"), "{policy:?}");
        for inline in ["<style", " style=", "<script>", " onclick=", "://"] {
            assert!(!page.text().contains(inline), "{inline}");
        }
        let urls = urls_of(&page, path);
        assert_eq!(urls.len(), 2, "{}", page.text());
        for url in urls {
            let file = system.get(&url).send().await;
            assert_eq!(file.status, 200, "{path} names {url}");
            let kind = if url.contains(".css") { "text/css" } else { "text/javascript" };
            assert!(file.header("content-type").unwrap().starts_with(kind), "{url}");
            let tag = file.header("etag").unwrap();
            let again = system.get(&url).header("if-none-match", tag).send().await;
            assert_eq!(again.status, 304, "{url}");
        }
    }
}

#[tokio::test]
async fn a_script_of_the_page_imports_only_files_of_the_page() {
    let context = TestContext::new().await.with("PLAYGROUND", "true");
    let system = start::<system::App>(&context);
    let (mut seen, mut next) = (Vec::new(), vec!["start.js".to_owned()]);
    while let Some(name) = next.pop() {
        let file = system.get(&format!("/playground/{name}")).send().await;
        assert_eq!(file.status, 200, "{name}");
        let imported =
            file.text().split(" from \"./").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        seen.push(name);
        next.extend(imported.filter(|name| !seen.contains(name)));
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[tokio::test]
async fn where_the_demos_are_not_deployed_there_is_no_playground() {
    let context = TestContext::new().await;
    for value in ["", "false"] {
        let system = start::<system::App>(&context.clone().with("PLAYGROUND", value));
        for path in ["/playground", "/playground/", "/playground/start.js", "/playground/style.css"] {
            assert_problem(&system.get(path).send().await, 404);
        }
    }
    let system = start::<system::App>(&context.clone().with("PLAYGROUND", "true"));
    for path in
        ["/playground/x", "/playground/../docs", "/playground/START.JS", "/playground/playground/start.js"]
    {
        assert_problem(&system.get(path).send().await, 404);
    }
    let error = Client::start::<system::App>(context.with("PLAYGROUND", "maybe").env()).err().unwrap();
    assert_eq!(error.to_string(), "PLAYGROUND is neither true nor false");
}
