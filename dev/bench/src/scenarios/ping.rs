//! The rate limiter by itself: a request that is admitted, and one that is refused.

use stack::Result;

use super::captured::{captured_commands, captured_commands_of_refusal};
use super::routines::{invoking, primitive};
use crate::comparison::Budget;
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::results::Results;

const GROUP: &str = "ping";

/// The function that only counts.
const DEMO: &str = "rl-demo";

pub(super) async fn run(fixture: &Fixture, budget: Budget, results: &mut Results) -> Result<()> {
    if !Fixture::has(DEMO)? {
        return Ok(());
    }
    let ping = Request::get("/rl-demo/ping");
    let floor = fixture.floor().start()?;
    let ours = fixture.function(DEMO, BOOKS)?;
    let (demo, peer) = (ours.start()?, fixture.peer(BOOKS).start()?);
    let commands = captured_commands(fixture, &ours, &ping).await?;
    let subjects = vec![
        ("floor", invoking(&floor, ping.clone(), 200)),
        ("ping", primitive(|| fixture.primitives.ping(fixture.redis()))),
        ("commands", primitive(|| fixture.primitives.commands(fixture.redis(), &commands))),
        ("us", invoking(&demo, ping.clone(), 200)),
        ("peer", invoking(&peer, ping.clone(), 200)),
    ];
    results.add(budget.compare(GROUP, "ping, admitted", subjects).await?);
    // A quota of one request a day, which is used up before the measurement.
    let refusing = ours.with("RATE_LIMIT_PING", "1/86400").with("REDIS_KEY_PREFIX", "test_bench_closed:");
    let commands = captured_commands_of_refusal(&refusing, &ping).await?;
    let refusing = refusing.start()?;
    let refusing_peer = fixture.peer(BOOKS).with("RATE_LIMIT_PING", "1/86400");
    let refusing_peer = refusing_peer.with("REDIS_KEY_PREFIX", "peer:closed:").start()?;
    for running in [&refusing, &refusing_peer] {
        running.invoke(&ping)?;
    }
    let subjects = vec![
        ("floor", invoking(&floor, ping.clone(), 200)),
        ("commands", primitive(|| fixture.primitives.commands(fixture.redis(), &commands))),
        ("us", invoking(&refusing, ping.clone(), 429)),
        ("peer", invoking(&refusing_peer, ping, 429)),
    ];
    results.add(budget.compare(GROUP, "ping, refused", subjects).await?);
    for (subject, running) in [("us", &demo), ("peer", &peer)] {
        results.add_peak_memory(GROUP, subject, running);
    }
    Ok(())
}
