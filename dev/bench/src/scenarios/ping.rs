//! The limiter by itself.

use super::{asked::commands_of, bare, invoking};
use crate::{
    Results,
    contest::Effort,
    event::Request,
    fixture::{BOOKS, Fixture},
};
use stack::Result;

const GROUP: &str = "ping";

pub(super) async fn run(fixture: &Fixture, effort: Effort, results: &mut Results) -> Result<()> {
    let ping = Request::get("/rl-demo/ping");
    let floor = fixture.floor().start()?;
    let ours = fixture.function("rl-demo", BOOKS)?;
    let (demo, peer) = (ours.start()?, fixture.peer(BOOKS).start()?);
    let commands = commands_of(fixture, &ours, &ping).await?;
    let contestants = vec![
        ("floor", invoking(&floor, ping.clone(), 200)),
        ("ping", bare(|| fixture.bare.ping(fixture.redis()))),
        ("commands", bare(|| fixture.bare.commands(fixture.redis(), &commands))),
        ("us", invoking(&demo, ping.clone(), 200)),
        ("peer", invoking(&peer, ping.clone(), 200)),
    ];
    results.add(effort.run(GROUP, "ping, admitted", contestants).await?);
    // One a day, and it is taken before the contest begins.
    let closed = ours.with("RATE_LIMIT_PING", "1/86400").with("REDIS_KEY_PREFIX", "bench:closed:").start()?;
    let closed_peer = fixture.peer(BOOKS).with("RATE_LIMIT_PING", "1/86400");
    let closed_peer = closed_peer.with("REDIS_KEY_PREFIX", "peer:closed:").start()?;
    for subject in [&closed, &closed_peer] {
        subject.invoke(&ping)?;
    }
    let contestants = vec![
        ("floor", invoking(&floor, ping.clone(), 200)),
        ("us", invoking(&closed, ping.clone(), 429)),
        ("peer", invoking(&closed_peer, ping, 429)),
    ];
    results.add(effort.run(GROUP, "ping, refused", contestants).await?);
    for (who, subject) in [("us", &demo), ("peer", &peer)] {
        results.note_memory(GROUP, who, subject);
    }
    Ok(())
}
