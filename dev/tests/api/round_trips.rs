//! The number of round trips that a request makes to each store. How long one takes depends on the network; how many
//! there are depends on the code alone.

use serde_json::json;
use testkit::proxy::{Mode, Proxy};
use testkit::{Client, RequestBuilder, TestContext};

use crate::support::responses::assert_problem;
use crate::support::users::{books, sign_up};

/// A context whose stores are behind counting proxies.
async fn with_counting_proxies(context: TestContext) -> (TestContext, [Proxy; 2]) {
    let [redis, postgres] = ["REDIS_URL", "DATABASE_URL"].map(|name| context.variable(name).to_owned());
    let proxies = [Proxy::counting(&redis).await.unwrap(), Proxy::counting(&postgres).await.unwrap()];
    let context = context.with("REDIS_URL", proxies[0].url()).with("DATABASE_URL", proxies[1].url());
    (context, proxies)
}

/// Sends a request and returns its status and the numbers of round trips to Redis and to Postgres.
async fn trips(proxies: &[Proxy; 2], request: RequestBuilder<'_>) -> (u16, [usize; 2]) {
    for proxy in proxies {
        let _ = proxy.trips();
    }
    (request.send().await.status, proxies.each_ref().map(Proxy::trips))
}

#[tokio::test]
async fn each_request_makes_a_fixed_number_of_round_trips() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxies) = with_counting_proxies(context).await;
    let books = books(&context);
    let book = json!({"title": "T", "author": "A"});
    let create = |books| Client::post(books, "/books").bearer(&ada.access).json(&book);
    let update = |books| Client::put(books, "/books/1").bearer(&ada.access).json(&book);
    // These two do what is done once: open connections, load scripts, read the key of cursors.
    assert_eq!(books.get("/books").send().await.status, 200);
    assert_eq!(create(&books).send().await.status, 201);
    assert_eq!(
        trips(&proxies, create(&books)).await,
        (201, [2, 2]),
        "create: quota, invalidation; token, book"
    );
    assert_eq!(trips(&proxies, update(&books)).await, (200, [2, 2]), "update: the same");
    for (target, redis, postgres, what) in [
        ("/books", 2, 1, "an uncached list: quota with look-up, storing; the page"),
        ("/books", 1, 0, "a cached list: quota with look-up"),
        ("/books?page=2", 2, 1, "another list"),
        ("/books/1", 1, 1, "an item: quota; the book"),
        ("/books/x", 1, 0, "an invalid id: quota"),
    ] {
        let (_, counted) = trips(&proxies, books.get(target)).await;
        assert_eq!(counted, [redis, postgres], "{what}");
    }
    assert_eq!(proxies.each_ref().map(Proxy::connections), [1, 1]);
}

#[tokio::test]
async fn a_refused_client_is_refused_again_without_a_round_trip() {
    let (context, proxies) =
        with_counting_proxies(TestContext::new().await.with("RATE_LIMIT_PING", "1/60")).await;
    let demo = Client::start::<rl_demo::App>(context.env()).unwrap();
    assert_eq!(demo.from_new_network().get("/rl-demo/ping").send().await.status, 200);
    let ping = || demo.get("/rl-demo/ping");
    assert_eq!(trips(&proxies, ping()).await, (200, [1, 0]));
    assert_eq!(trips(&proxies, ping()).await, (429, [1, 0]));
    assert_eq!(trips(&proxies, ping()).await, (429, [0, 0]));
}

#[tokio::test]
async fn a_read_runs_while_the_limiter_counts_it() {
    let context = TestContext::new().await.with("REDIS_PATIENCE_MS", "1000");
    let (context, redis) = Proxy::replacing_url(context, "REDIS_URL").await;
    let (context, postgres) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let books = books(&context);
    assert_eq!(books.get("/books/1").send().await.status, 404);
    for proxy in [&redis, &postgres] {
        proxy.set(Mode::Holding);
    }
    let both_queried = async {
        redis.until_holding().await;
        postgres.until_holding().await;
        redis.set(Mode::Open);
        postgres.set(Mode::Open);
    };
    let (response, ()) = tokio::join!(books.get("/books/1").send(), both_queried);
    // Had the function waited for Redis first, Redis would have timed out, and the request would not be counted.
    assert_eq!((response.status, response.header("ratelimit").is_some()), (404, true));
}

#[tokio::test]
async fn a_refused_request_gets_nothing_of_the_work_done_meanwhile() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let ada = sign_up(&context, "ada").await;
    let book = json!({"title": "T", "author": "A"});
    let create = async |books: &Client| books.post("/books").bearer(&ada.access).json(&book).send().await;
    assert_eq!(create(&books(&context).from_new_network()).await.status, 201);
    // Each in a new environment, which remembers no refusal.
    let [first, second, third] = [(); 3].map(|()| books(&context).from_ip("192.0.2.77"));
    assert_eq!(first.get("/books/1").send().await.status, 200);
    let refused = second.get("/books/1").send().await;
    assert_problem(&refused, 429);
    assert_eq!(refused.header("etag"), None);
    assert_problem(&create(&third).await, 429);
    assert_eq!(
        first.from_new_network().get("/books").send().await.json()["total"],
        1,
        "nothing more was written"
    );
}
