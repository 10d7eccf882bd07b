//! Round trips and connections, counted by proxies in front of the stores. A request waits for those trips that it
//! makes one after the other: what travels to both stores together counts once.

use std::time::Duration;

use serde_json::json;
use stack::Result;
use testkit::proxy::{Proxy, TripCounter};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::driver::{Program, RunningProgram};
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::results::Results;
use crate::users;

/// The function that only counts.
const DEMO: &str = "rl-demo";

/// The time by which the proxies delay each answer.
const DELAY: Duration = Duration::from_millis(10);

pub(super) async fn run(fixture: &Fixture, results: &mut Results) -> Result<()> {
    let auth = fixture.function("auth", BOOKS)?;
    let demo = if Fixture::has(DEMO)? { Some(fixture.function(DEMO, BOOKS)?) } else { None };
    count(fixture, "us", [&fixture.function("books", BOOKS)?, &auth], demo.as_ref(), results).await?;
    let peer = fixture.peer(BOOKS);
    count(fixture, "peer", [&peer, &peer], demo.as_ref().map(|_| &peer), results).await
}

async fn count(
    fixture: &Fixture,
    subject: &'static str,
    programs: [&Program; 2],
    demo: Option<&Program>,
    results: &mut Results,
) -> Result<()> {
    let counter = TripCounter::default();
    let redis = Proxy::counted_by(&counter, programs[0].variable("REDIS_URL")).await?;
    let postgres = Proxy::counted_by(&counter, programs[0].variable("DATABASE_URL")).await?;
    for proxy in [&redis, &postgres] {
        proxy.delay_answers(DELAY);
    }
    let start = |program: &Program| {
        program.clone().with("REDIS_URL", redis.url()).with("DATABASE_URL", postgres.url()).start()
    };
    let [books, auth] = [start(programs[0])?, start(programs[1])?];
    let demo = demo.map(start).transpose()?;
    let ping = Request::get("/rl-demo/ping");
    block_in_place(|| users::register(&auth, &format!("counter-of-{subject}")))?;
    let tokens = block_in_place(|| users::sign_in(&auth, &format!("counter-of-{subject}")))?;
    let book = json!({"title": "Powers", "author": "Ursula K. Le Guin"});
    let create = || Request::json("POST", "/books", &book).bearer(&tokens.access);
    let send = |running: &RunningProgram, request: &Request| block_in_place(|| running.invoke(request));
    // The first requests open connections, load scripts and read the key of cursors. They must not be answered from the
    // cache.
    fixture.flush()?;
    for request in [Request::get("/books"), create()] {
        send(&books, &request)?;
    }
    if let Some(demo) = &demo {
        send(demo, &ping)?;
    }
    fixture.flush()?;
    send(&books, &Request::get("/books/1"))?;
    let update = Request::json("PUT", "/books/1", &book).bearer(&tokens.access);
    let requests = vec![
        ("uncached list", &books, Request::get("/books")),
        ("cached list", &books, Request::get("/books")),
        ("item", &books, Request::get("/books/1")),
        ("create", &books, create()),
        ("update", &books, update),
        ("login", &auth, users::login(&format!("counter-of-{subject}"))),
        ("refresh", &auth, users::refresh(&tokens.refresh)),
    ];
    for (name, running, request) in
        requests.into_iter().chain(demo.iter().map(|demo| ("ping", demo, ping.clone())))
    {
        // A request may leave something behind, which would count for the next one.
        counter.settled().await;
        let _ = (counter.trips(), redis.trips(), postgres.trips());
        let wall = send(running, &request)?.wall;
        // What was sent, but not waited for, did not make the request longer.
        let delays = usize::try_from(wall.as_millis() / DELAY.as_millis()).unwrap_or(usize::MAX);
        let waited = counter.trips().min(delays);
        results.add_metric(format!("trips waited for, {name}"), subject, waited, "");
        counter.settled().await;
        results.add_metric(format!("Redis trips, {name}"), subject, redis.trips(), "");
        results.add_metric(format!("Postgres trips, {name}"), subject, postgres.trips(), "");
    }
    // The connections of the other two functions are closed first.
    drop((auth, demo));
    sleep(Duration::from_millis(200)).await;
    results.add_metric("Redis connections of books", subject, redis.connections(), "");
    results.add_metric("Postgres connections of books", subject, postgres.connections(), "");
    Ok(())
}
