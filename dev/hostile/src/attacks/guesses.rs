//! Guessers at passwords: many names from one network, one name from many networks, and again and again the right name
//! from a network that is strange to it.

use std::sync::Arc;

use super::attack::{Attack, Targets, address};
use crate::random::Random;

/// What the quota `login` lets a network try in a minute.
const PER_MINUTE: usize = 20;

pub(super) fn attacks(targets: &Arc<Targets>) -> Vec<Attack> {
    vec![many_names(targets), many_networks(targets), strange_network(targets)]
}

fn many_names(targets: &Arc<Targets>) -> Attack {
    let (targets, random) = (targets.clone(), Arc::new(Random::new(4)));
    Attack::new("guesses: many names, one network", 5, move |_, tally| {
        let (targets, name) = (targets.clone(), format!("name-{}", random.token()));
        async move { guess(&targets, &address(0xd, 0), &name, &tally).await }
    })
    // Whom the name belongs to; nobody has it.
    .costing(1, 0)
    .limited(PER_MINUTE)
}

fn many_networks(targets: &Arc<Targets>) -> Attack {
    let targets = targets.clone();
    Attack::new("guesses: one name, many networks", 5, move |number, tally| {
        let (targets, network) = (targets.clone(), usize::try_from(number).unwrap_or_default());
        async move { guess(&targets, &address(0xe, network), &targets.victim, &tally).await }
    })
}

fn strange_network(targets: &Arc<Targets>) -> Attack {
    let targets = targets.clone();
    Attack::new("guesses: right name, strange network", 4, move |_, tally| {
        let targets = targets.clone();
        async move { guess(&targets, &address(0xf, 0), &targets.victim, &tally).await }
    })
    .limited(PER_MINUTE)
}

async fn guess(targets: &Targets, ip: &str, name: &str, tally: &crate::tally::Tally) {
    let form = [("grant_type", "password"), ("username", name), ("password", "a wrong guess")];
    tally.count(&targets.auth.client(ip).post("/auth/login").form(&form).try_send().await);
}
