//! Every route on a warm function, whose connections are open.

use std::collections::BTreeSet;

use stack::{Context as _, Result, workspace};
use testkit::connect;

use super::conditions::Conditions;
use super::routes::{Asked, ROUTES, Route};
use super::side::{ADMIN, Environments, Side};
use crate::comparison::{Budget, Routine, Sample, Subjects};
use crate::event::Request;
use crate::fixture::BOOKS;
use crate::results::Results;
use crate::users::Tokens;

const GROUP: &str = "aws";

pub(super) async fn run(conditions: &Conditions<'_>, budget: Budget, results: &mut Results) -> Result<()> {
    let fixture = conditions.fixture;
    let floor = conditions.floor().start()?;
    let functions = workspace::functions()?;
    let routes: Vec<_> =
        ROUTES.iter().filter(|route| functions.iter().any(|name| name == route.function)).collect();
    let names: BTreeSet<_> = routes.iter().map(|route| route.function).collect();
    let ours = names.into_iter().map(|name| Ok((name, conditions.function(name)?.start()?)));
    let ours = Environments::Several(ours.collect::<Result<_>>()?);
    let theirs = Environments::One(conditions.peer().start()?);
    let (us, peer) = (
        Side::new(fixture, ours, fixture.function("auth", BOOKS)?.start()?)?,
        Side::new(fixture, theirs, fixture.peer(BOOKS).start()?)?,
    );
    for url in [fixture.postgres(BOOKS), fixture.peer_postgres(BOOKS)] {
        let sql = format!("update users set role = 'admin' where username = '{ADMIN}'");
        connect(&url).await.batch_execute(&sql).await.context("make an administrator")?;
    }
    for route in routes {
        // Access tokens expire, and some routes end sessions.
        us.sign_in()?;
        peer.sign_in()?;
        let hello = Request::get("/");
        let mut subjects: Subjects<'_> =
            vec![("floor", Box::new(|| Sample::of(&floor.invoke(&hello)?, 200))), ("us", asking(route, &us))];
        if route.asked == Asked::Both {
            subjects.push(("peer", asking(route, &peer)));
        }
        let budget = if route.hashes { budget.for_slow(20) } else { budget.of_rounds(300) };
        results.add(budget.compare(GROUP, route.name, subjects).await?);
    }
    Ok(())
}

/// Sends one request to the route each time.
fn asking<'a>(route: &'a Route, side: &'a Side<'a>) -> Routine<'a> {
    Box::new(move || {
        let request = (route.request)(side)?;
        let invocation = side.environments.of(route.function)?.invoke(&request)?;
        if route.name == "refresh" {
            side.tokens.replace(Tokens::read(&invocation.body)?);
        }
        Sample::of(&invocation, route.status)
    })
}
