//! Cold starts: from the start of a process to its first response. The work of Lambda before that is not included; it
//! is the same for all subjects.

use stack::Result;

use crate::comparison::{Budget, Routine, Sample};
use crate::driver::{Program, RunningProgram};
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::results::Results;
use crate::users::{self, login};

const GROUP: &str = "cold";

pub(super) async fn run(fixture: &Fixture, budget: Budget, results: &mut Results) -> Result<()> {
    let (budget, floor) = (budget.for_slow(40), fixture.floor());
    let [books, auth] = [fixture.function("books", BOOKS)?, fixture.function("auth", BOOKS)?];
    let peer = fixture.peer(BOOKS);
    let [warm_books, warm_auth, warm_peer] = [books.start()?, auth.start()?, peer.start()?];
    let list = Request::get("/books");
    let subjects = vec![
        ("floor", starting(&floor, list.clone(), None)),
        ("us", starting(&books, list.clone(), Some(&warm_books))),
        ("peer", starting(&peer, list, Some(&warm_peer))),
    ];
    results.add(budget.compare(GROUP, "cached list", subjects).await?);
    for running in [&warm_auth, &warm_peer] {
        users::register(running, "early-bird")?;
    }
    let mut others = vec![("login", auth, login("early-bird"))];
    if Fixture::has("rl-demo")? {
        others.push(("ping", fixture.function("rl-demo", BOOKS)?, Request::get("/rl-demo/ping")));
    }
    for (name, program, request) in &others {
        let subjects = vec![
            ("floor", starting(&floor, request.clone(), None)),
            ("us", starting(program, request.clone(), None)),
            ("peer", starting(&peer, request.clone(), None)),
        ];
        results.add(budget.compare(GROUP, *name, subjects).await?);
    }
    Ok(())
}

/// Starts a new process each time. `warm` answers the same request before, so that the response is in the cache.
fn starting<'a>(program: &'a Program, request: Request, warm: Option<&'a RunningProgram>) -> Routine<'a> {
    Box::new(move || {
        if let Some(warm) = warm {
            warm.invoke(&request)?;
        }
        Sample::of(&program.cold_start(&request)?.invocation, 200)
    })
}
