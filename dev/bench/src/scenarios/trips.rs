//! Round trips and connections, counted at proxys in front of the stores.

use serde_json::json;
use tokio::task::block_in_place;

use crate::{
    Results,
    driver::{Program, Subject},
    event::Request,
    fixture::{BOOKS, Fixture},
    users,
};
use stack::Result;
use testkit::proxy::Proxy;

pub(super) async fn run(fixture: &Fixture, results: &mut Results) -> Result<()> {
    let auth = fixture.function("auth", BOOKS)?;
    count(
        fixture,
        "us",
        [&fixture.function("books", BOOKS)?, &auth, &fixture.function("rl-demo", BOOKS)?],
        results,
    )
    .await?;
    let peer = fixture.peer(BOOKS);
    count(fixture, "peer", [&peer, &peer, &peer], results).await
}

async fn count(
    fixture: &Fixture,
    who: &'static str,
    programs: [&Program; 3],
    results: &mut Results,
) -> Result<()> {
    let variable = |name: &str| {
        let variables = programs[0].variables.iter();
        variables.clone().find(|(other, _)| other == name).map_or("", |(_, value)| value).to_owned()
    };
    let redis = Proxy::counting(&variable("REDIS_URL")).await?;
    let postgres = Proxy::counting(&variable("DATABASE_URL")).await?;
    let start = |program: &Program| {
        program.clone().with("REDIS_URL", redis.url()).with("DATABASE_URL", postgres.url()).start()
    };
    let [books, auth, demo] = [start(programs[0])?, start(programs[1])?, start(programs[2])?];
    block_in_place(|| users::register(&auth, &format!("counter-of-{who}")))?;
    let tokens = block_in_place(|| users::sign_in(&auth, &format!("counter-of-{who}")))?;
    let book = json!({"title": "Powers", "author": "Ursula K. Le Guin"});
    let create = || Request::json("POST", "/books", &book).bearer(&tokens.access);
    let ask = |subject: &Subject, request: &Request| block_in_place(|| subject.invoke(request).map(drop));
    // What is done once: connections, scripts, the key of cursors. An answer from the cache would do none of it.
    fixture.flush()?;
    for request in [Request::get("/books"), create()] {
        ask(&books, &request)?;
    }
    ask(&demo, &Request::get("/rl-demo/ping"))?;
    fixture.flush()?;
    ask(&books, &Request::get("/books/1"))?;
    let update = Request::json("PUT", "/books/1", &book).bearer(&tokens.access);
    for (name, subject, request) in [
        ("uncached list", &books, Request::get("/books")),
        ("cached list", &books, Request::get("/books")),
        ("item", &books, Request::get("/books/1")),
        ("create", &books, create()),
        ("update", &books, update),
        ("login", &auth, users::login(&format!("counter-of-{who}"))),
        ("refresh", &auth, users::refresh(&tokens.refresh)),
        ("ping", &demo, Request::get("/rl-demo/ping")),
    ] {
        let _ = (redis.trips(), postgres.trips());
        ask(subject, &request)?;
        results.note(format!("Redis trips, {name}"), who, redis.trips(), "");
        results.note(format!("Postgres trips, {name}"), who, postgres.trips(), "");
    }
    // Those of the other two functions go first.
    drop((auth, demo));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    results.note("Redis connections of books", who, redis.connections(), "");
    results.note("Postgres connections of books", who, postgres.connections(), "");
    Ok(())
}
