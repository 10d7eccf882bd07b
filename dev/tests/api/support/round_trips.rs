//! Counts the round trips that a request makes to its stores.

use testkit::proxy::{Proxy, TripCounter};
use testkit::users::sign_up;
use testkit::{Client, RequestBuilder, TestContext};

use crate::support::responses::assert_problem;

/// Counting proxies in front of Redis and of Postgres.
pub(crate) struct Stores {
    pub(crate) counter: TripCounter,
    pub(crate) redis: Proxy,
    pub(crate) postgres: Proxy,
}

/// The round trips of one request.
#[derive(Debug, PartialEq)]
pub(crate) struct Trips {
    /// Those that it made one after the other, before its response.
    sequential: usize,
    /// Those to Redis, with what it left behind.
    redis: usize,
    /// The same to Postgres.
    postgres: usize,
}

impl Stores {
    /// Proxies for the stores of `context`, and a context that uses them.
    pub(crate) async fn of(context: TestContext) -> (TestContext, Self) {
        let counter = TripCounter::default();
        let proxy = async |name| Proxy::counted_by(&counter, context.variable(name)).await.unwrap();
        let (redis, postgres) = (proxy("REDIS_URL").await, proxy("DATABASE_URL").await);
        let context = context.with("REDIS_URL", redis.url()).with("DATABASE_URL", postgres.url());
        (context, Self { counter, redis, postgres })
    }

    /// Sends a request and returns its status and its round trips.
    pub(crate) async fn trips(&self, request: RequestBuilder<'_>) -> (u16, Trips) {
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
pub(crate) fn trips(sequential: usize, [redis, postgres]: [usize; 2]) -> Trips {
    Trips { sequential, redis, postgres }
}

/// Asserts that a list at `path`, which runs a statement with `part` in it, is begun for an admitted client, and for a
/// refused one in no execution environment.
pub(crate) async fn assert_begun_for_the_admitted_alone(
    start: impl Fn(&TestContext) -> Client,
    path: &str,
    part: &str,
) {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let ada = sign_up(&context, "ada").await;
    let (context, stores) = Stores::of(context).await;
    // Each environment is new and remembers no refusal.
    let [first, second, third] = [(); 3].map(|()| start(&context).from_ip("192.0.2.7"));
    let get = async |client: &Client| client.get(path).bearer(&ada.access).send().await;
    let admitted = get(&first.from_new_network()).await;
    assert_eq!(admitted.status, 200, "{}", admitted.text());
    assert_eq!(stores.postgres.count(part), 1, "an admitted client is served");
    stores.counter.settled().await;
    let _ = get(&first).await;
    let before = stores.postgres.count(part);
    for refused in [&second, &third] {
        assert_problem(&get(refused).await, 429);
    }
    stores.counter.settled().await;
    assert_eq!(stores.postgres.count(part), before, "{path}");
}
