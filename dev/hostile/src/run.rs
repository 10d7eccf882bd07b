//! A run: the quiet minute, the attack, the count of what refused requests cost, and the comparison with the database.

use std::sync::Arc;
use std::time::Duration;

use stack::{Context as _, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::attacks::{self, Attack, Targets};
use crate::fixture::Fixture;
use crate::honest::Honest;
use crate::ledger::{self, Ledger, Verification};
use crate::logs::Findings;
use crate::options::Options;
use crate::pool::Pool;
use crate::probe::{self, Cost};
use crate::stores::{Contents, Stores, Watched};
use crate::tally::{Counts, Operations};

/// What was found out.
pub(crate) struct Outcome {
    /// What the honest clients got before and during the attack.
    pub(crate) quiet: Operations,
    pub(crate) hostile: Operations,
    pub(crate) ledgers: Vec<Ledger>,
    pub(crate) honest_faults: Vec<String>,
    pub(crate) stale: Vec<String>,
    pub(crate) displaced: usize,
    pub(crate) attackers: Vec<Attacker>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) watched_quiet: Watched,
    pub(crate) watched_hostile: Watched,
    pub(crate) contents: Contents,
    pub(crate) verification: Verification,
    pub(crate) findings: Findings,
    pub(crate) pools: [Pool; 2],
}

/// What an attacker got.
pub(crate) struct Attacker {
    pub(crate) name: &'static str,
    pub(crate) counts: Counts,
    /// The most requests that its quotas admit in a minute, where that is known.
    pub(crate) admitted_per_minute: Option<usize>,
}

/// Does everything on this fixture.
pub(crate) async fn run(options: &Options, fixture: &Fixture) -> Result<Outcome> {
    let mut stores = Stores::open(fixture).await?;
    let mut clients = fixture.honest_clients();
    for client in &mut clients {
        client.join().await;
    }
    let targets = Arc::new(Targets {
        books: fixture.books.clone(),
        auth: fixture.auth.clone(),
        stolen: fixture.stolen.clone(),
        victim: clients[0].name().to_owned(),
    });
    let attacks = Arc::new(attacks::all(&targets).await?);
    println!("The honest clients alone, for {} s …", options.quiet().as_secs());
    let (clients, watched_quiet) =
        be_honest(clients, options.quiet(), &mut stores, &Arc::default(), 0).await?;
    let (mut clients, quiet) = take_operations(clients);
    println!("The attack, for {} min, at most {} requests/s …", options.minutes, options.rate);
    let watched_hostile;
    (clients, watched_hostile) =
        be_honest(clients, options.attack(), &mut stores, &attacks, options.rate).await?;
    let hostile;
    (clients, hostile) = take_operations(clients);
    let attackers = attacks.iter().map(|attack| Attacker {
        name: attack.name,
        counts: attack.tally.counts(),
        admitted_per_minute: attack.admitted_per_minute,
    });
    let attackers = attackers.collect();
    println!("What refused requests cost …");
    let environments = fixture.books.size() + fixture.auth.size();
    let costs = probe::measure(&attacks, options.rate, environments, &mut stores).await?;
    for client in &mut clients {
        client.leave().await;
    }
    let ledgers: Vec<_> = clients.iter().map(|client| client.ledger.clone()).collect();
    let collect = |of: fn(&Honest) -> &Vec<String>| clients.iter().flat_map(of).cloned().collect();
    let pools = [fixture.books.clone(), fixture.auth.clone()];
    Ok(Outcome {
        quiet,
        hostile,
        honest_faults: collect(|client| &client.faults),
        stale: collect(|client| &client.stale),
        displaced: clients.iter().map(|client| client.displaced).sum(),
        attackers,
        costs,
        watched_quiet,
        watched_hostile,
        contents: stores.contents().await?,
        verification: ledger::verify(&ledgers, &stores.database().await).await?,
        findings: Findings::read(&pools),
        pools,
        ledgers,
    })
}

/// The honest clients follow their routine so long, beside these attackers.
async fn be_honest(
    clients: Vec<Honest>,
    duration: Duration,
    stores: &mut Stores,
    attacks: &Arc<Vec<Attack>>,
    rate: u32,
) -> Result<(Vec<Honest>, Watched)> {
    let until = Instant::now() + duration;
    let (mut honest, mut hostile) = (JoinSet::new(), JoinSet::new());
    for mut client in clients {
        honest.spawn(async move {
            client.run(until).await;
            client
        });
    }
    for index in 0..attacks.len() {
        let attacks = attacks.clone();
        hostile.spawn(async move { attacks[index].run(rate, until).await });
    }
    let watched = stores.watch(until).await?;
    let mut clients = Vec::new();
    while let Some(client) = honest.join_next().await {
        clients.push(client.context("be an honest client")?);
    }
    while hostile.join_next().await.is_some() {}
    clients.sort_by(|one, other| one.name().cmp(other.name()));
    // What was begun at the last moment has an end.
    sleep(Duration::from_secs(1)).await;
    Ok((clients, watched))
}

/// What the clients got until now; from here on they count anew.
fn take_operations(mut clients: Vec<Honest>) -> (Vec<Honest>, Operations) {
    let mut all = Operations::default();
    for client in &mut clients {
        all.merge(std::mem::take(&mut client.operations));
    }
    (clients, all)
}
