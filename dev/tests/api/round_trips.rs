//! The number of round trips that a request makes. How long one takes depends on the network; how many there are
//! depends on the code alone.
//!
//! A request waits for as many as it makes one after the other, to either store: what travels together counts once.

use probe::RIGHT_PASSWORD;
use serde_json::json;
use testkit::proxy::{Mode, Proxy};
use testkit::users::sign_up;
use testkit::{Client, TestContext};

use crate::support::clients::probe;
use crate::support::responses::assert_problem;
use crate::support::round_trips::{Stores, assert_begun_for_the_admitted_alone, trips};

#[tokio::test]
async fn a_guess_makes_three_round_trips() {
    let (context, stores) = Stores::of(TestContext::new().await).await;
    let probe = probe(&context);
    let guess = |password| probe.post("/probe/guess").json(&json!({"name": "ada", "password": password}));
    for password in ["wrong", RIGHT_PASSWORD] {
        // Opens the connection and loads the scripts.
        assert_eq!(guess(password).send().await.status, 200);
        assert_eq!(stores.trips(guess(password)).await, (200, trips(3, [3, 0])), "quota, guess, its end");
    }
}

// part of rl-demo, bf-demo
#[tokio::test]
async fn a_look_at_a_demo_makes_one_round_trip() {
    let (context, stores) = Stores::of(TestContext::new().await).await;
    let (limiter, lockout) = (
        Client::start::<rl_demo::App>(context.env()).unwrap(),
        Client::start::<bf_demo::App>(context.env()).unwrap(),
    );
    for (client, target) in [(limiter, "/rl-demo/window"), (lockout, "/bf-demo/state?username=ada")] {
        // Opens the connection and loads the scripts.
        assert_eq!(client.get(target).send().await.status, 200);
        assert_eq!(stores.trips(client.get(target)).await, (200, trips(1, [1, 0])), "quota beside log");
    }
}
// end of part

#[tokio::test]
async fn a_refused_client_begins_no_list_in_any_environment() {
    assert_begun_for_the_admitted_alone(probe, "/probe/notes", "from (select) as always").await;
}

#[tokio::test]
async fn a_refused_client_is_refused_again_without_a_round_trip() {
    let (context, stores) = Stores::of(TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60")).await;
    let probe = probe(&context);
    assert_eq!(probe.from_new_network().get("/probe/ping").send().await.status, 200);
    let ping = || probe.get("/probe/ping");
    assert_eq!(stores.trips(ping()).await, (200, trips(1, [1, 0])));
    assert_eq!(stores.trips(ping()).await, (429, trips(1, [1, 0])));
    assert_eq!(stores.trips(ping()).await, (429, trips(0, [0, 0])));
}

#[tokio::test]
async fn a_read_runs_while_the_limiter_counts_it() {
    let context = TestContext::new().await.with("REDIS_PATIENCE_MS", "1000");
    let (context, redis) = Proxy::replacing_url(context, "REDIS_URL").await;
    let (context, postgres) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let probe = probe(&context);
    assert_eq!(probe.get("/probe/notes/1").send().await.status, 404);
    for proxy in [&redis, &postgres] {
        proxy.set(Mode::Holding);
    }
    let both_queried = async {
        redis.until_holding().await;
        postgres.until_holding().await;
        redis.set(Mode::Open);
        postgres.set(Mode::Open);
    };
    let (response, ()) = tokio::join!(probe.get("/probe/notes/1").send(), both_queried);
    // Had the function waited for Redis first, Redis would have timed out, and the request would not be counted.
    assert_eq!((response.status, response.header("ratelimit").is_some()), (404, true));
}

#[tokio::test]
async fn a_refused_request_gets_nothing_of_the_work_done_meanwhile() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let ada = sign_up(&context, "ada").await;
    let note = json!({"text": "T"});
    let create =
        async |probe: &Client| probe.post("/probe/notes").bearer(&ada.access).json(&note).send().await;
    assert_eq!(create(&probe(&context).from_new_network()).await.status, 201);
    // Each in a new environment, which remembers no refusal.
    let [first, second, third] = [(); 3].map(|()| probe(&context).from_ip("192.0.2.77"));
    assert_eq!(first.get("/probe/notes/1").send().await.status, 200);
    let refused = second.get("/probe/notes/1").send().await;
    assert_problem(&refused, 429);
    assert!(!refused.text().contains("\"T\""), "{}", refused.text());
    assert_problem(&create(&third).await, 429);
    assert_eq!(
        first.from_new_network().get("/probe/notes").send().await.json()["total"],
        1,
        "nothing more was written"
    );
}
