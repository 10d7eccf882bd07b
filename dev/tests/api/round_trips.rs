//! The number of round trips that a request makes. How long one takes depends on the network; how many there are
//! depends on the code alone.
//!
//! A request waits for as many as it makes one after the other, to either store: what travels together counts once.

use serde_json::json;
use testkit::probe::{Probe, RIGHT_PASSWORD};
use testkit::proxy::{Mode, Proxy, TripCounter};
use testkit::{Client, RequestBuilder, TestContext};

use crate::support::responses::assert_problem;
use crate::support::users::{PASSWORD, auth, books, log_in, sign_up, sign_up_admin};

/// Counting proxies in front of Redis and of Postgres.
struct Stores {
    counter: TripCounter,
    redis: Proxy,
    postgres: Proxy,
}

/// The round trips of one request.
#[derive(Debug, PartialEq)]
struct Trips {
    /// Those that it made one after the other, before its response.
    sequential: usize,
    /// Those to Redis, with what it left behind.
    redis: usize,
    /// The same to Postgres.
    postgres: usize,
}

impl Stores {
    /// Proxies for the stores of `context`, and a context that uses them.
    async fn of(context: TestContext) -> (TestContext, Self) {
        let counter = TripCounter::default();
        let proxy = async |name| Proxy::counted_by(&counter, context.variable(name)).await.unwrap();
        let (redis, postgres) = (proxy("REDIS_URL").await, proxy("DATABASE_URL").await);
        let context = context.with("REDIS_URL", redis.url()).with("DATABASE_URL", postgres.url());
        (context, Self { counter, redis, postgres })
    }

    /// Sends a request and returns its status and its round trips.
    async fn trips(&self, request: RequestBuilder<'_>) -> (u16, Trips) {
        self.take().await;
        let status = request.send().await.status;
        // At once, before anything that the request left behind is sent.
        let sequential = self.counter.trips();
        let [redis, postgres] = self.take().await;
        (status, Trips { sequential, redis, postgres })
    }

    /// Lets everything that is under way end, and begins to count anew. Returns the trips to each store so far.
    async fn take(&self) -> [usize; 2] {
        self.counter.settled().await;
        let _ = self.counter.trips();
        [self.redis.trips(), self.postgres.trips()]
    }
}

/// That many sequential round trips, and that many to Redis and to Postgres.
fn trips(sequential: usize, [redis, postgres]: [usize; 2]) -> Trips {
    Trips { sequential, redis, postgres }
}

#[tokio::test]
async fn each_request_makes_a_fixed_number_of_round_trips() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, stores) = Stores::of(context).await;
    let books = books(&context);
    let book = json!({"title": "T", "author": "A"});
    let create = |books| Client::post(books, "/books").bearer(&ada.access).json(&book);
    let update = |books| Client::put(books, "/books/1").bearer(&ada.access).json(&book);
    // These two do what is done once: open connections, load scripts, read the key of cursors.
    assert_eq!(books.get("/books").send().await.status, 200);
    assert_eq!(create(&books).send().await.status, 201);
    assert_eq!(
        stores.trips(create(&books)).await,
        (201, trips(3, [2, 2])),
        "create: quota beside token, book, invalidation"
    );
    assert_eq!(stores.trips(update(&books)).await, (200, trips(3, [2, 2])), "update: the same");
    for (target, expected, what) in [
        (
            "/books",
            trips(2, [2, 1]),
            "an uncached list: quota with look-up, the page; it is stored meanwhile",
        ),
        ("/books", trips(1, [1, 0]), "a cached list: quota with look-up"),
        ("/books?page=2", trips(2, [2, 1]), "another list"),
        ("/books/1", trips(1, [1, 1]), "an item: quota beside the book"),
        ("/books/x", trips(1, [1, 0]), "an invalid id: quota"),
    ] {
        let (_, counted) = stores.trips(books.get(target)).await;
        assert_eq!(counted, expected, "{what}");
    }
    assert_eq!([stores.redis.connections(), stores.postgres.connections()], [1, 1]);
}

#[tokio::test]
async fn signing_in_and_out_makes_a_fixed_number_of_round_trips() {
    let context = TestContext::new().await;
    let admin = sign_up_admin(&context, "root").await;
    let (context, stores) = Stores::of(context).await;
    let (auth, books) = (auth(&context), books(&context));
    // What is done once: open connections, load scripts.
    for password in [PASSWORD, "wrong"] {
        let _ = log_in(&auth, "root", password).await;
    }
    let session = log_in(&auth, "root", PASSWORD).await.json();
    let (access, refresh) =
        (session["access_token"].as_str().unwrap(), session["refresh_token"].as_str().unwrap());
    let login = [("grant_type", "password"), ("username", "root"), ("password", PASSWORD)];
    let wrong = [("grant_type", "password"), ("username", "root"), ("password", "wrong")];
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    for (request, expected, what) in [
        (auth.get("/auth/me").bearer(access), (200, trips(1, [1, 1])), "me: quota beside session"),
        (
            auth.get("/auth/sessions").bearer(access),
            (200, trips(2, [1, 2])),
            "sessions: quota beside session, the list",
        ),
        (
            auth.post("/auth/login").form(&login),
            (200, trips(4, [3, 2])),
            "login: quota, credentials, guess, then its end beside the new session",
        ),
        (
            auth.post("/auth/login").form(&wrong),
            (400, trips(4, [3, 1])),
            "a wrong password: quota, credentials, guess and its end",
        ),
        (
            auth.post("/auth/refresh").form(&grant),
            (200, trips(3, [1, 2])),
            "refresh: quota, the session under lock, the successor with the commit",
        ),
        (
            auth.post("/auth/logout").bearer(access),
            (204, trips(2, [1, 2])),
            "logout: quota beside session, its end",
        ),
    ] {
        assert_eq!(stores.trips(request).await, expected, "{what}");
    }
    let book = json!({"title": "T", "author": "A"});
    assert_eq!(books.post("/books").bearer(&admin.access).json(&book).send().await.status, 201);
    assert_eq!(
        stores.trips(books.delete("/books/1").bearer(&admin.access)).await,
        (204, trips(3, [2, 2])),
        "delete: quota beside session, the book, invalidation"
    );
}

#[tokio::test]
async fn a_guess_makes_three_round_trips() {
    let (context, stores) = Stores::of(TestContext::new().await).await;
    let probe = Client::start::<Probe>(context.env()).unwrap();
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

/// A part of each statement that lists something.
const LISTS: [&str; 2] = ["from (select) as always", "order by last_used_at"];

#[tokio::test]
async fn a_refused_client_begins_no_list_in_any_environment() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let ada = sign_up(&context, "ada").await;
    let (context, stores) = Stores::of(context).await;
    let lists = || LISTS.map(|part| stores.postgres.count(part));
    for (start, path, expected) in [
        (books as fn(&TestContext) -> Client, "/books?title_contains=ab", [1, 0]),
        (auth, "/auth/sessions", [1, 1]),
    ] {
        // Each environment is new and remembers no refusal.
        let [first, second, third] = [(); 3].map(|()| start(&context).from_ip("192.0.2.7"));
        let get = async |client: &Client| client.get(path).bearer(&ada.access).send().await;
        let admitted = get(&first.from_new_network()).await;
        assert_eq!(admitted.status, 200, "{}", admitted.text());
        assert_eq!(lists(), expected, "an admitted client is served");
        stores.counter.settled().await;
        let _ = get(&first).await;
        let before = lists();
        for refused in [&second, &third] {
            assert_problem(&get(refused).await, 429);
        }
        stores.counter.settled().await;
        assert_eq!(lists(), before, "{path}");
    }
}

#[tokio::test]
async fn a_refused_client_is_refused_again_without_a_round_trip() {
    let (context, stores) = Stores::of(TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60")).await;
    let probe = Client::start::<Probe>(context.env()).unwrap();
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
