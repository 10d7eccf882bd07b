//! Floods of lists: searches, deep pages and fat pages, each another one, so that no cached page answers them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::attack::{Attack, Targets, address};
use crate::random::Random;

/// The time between two requests that uses the quota of 100 per minute up evenly: from then on a place becomes free as
/// often, so each refusal is told a short wait, and an environment forgets it soon.
const SPACING: Duration = Duration::from_millis(600);

/// How long the flood spaces its requests evenly before it begins.
const PREPARATION: Duration = Duration::from_mins(1);

/// From how many networks the deep and the fat pages are asked for.
const NETWORKS: usize = 3;

/// What the quota `default` lets a network ask in a minute.
const PER_MINUTE: usize = 100;

pub(super) fn attacks(targets: &Arc<Targets>) -> Vec<Attack> {
    vec![flood(targets), deep_pages(targets), fat_pages(targets)]
}

/// One address asks all environments at once, each for another list. Two letters have no trigram, so that each search
/// reads the whole table.
fn flood(targets: &Arc<Targets>) -> Attack {
    let clients = targets.books.clients_of_each(&address(0xa, 0));
    let size = clients.len();
    let (random, began) = (Arc::new(Random::new(1)), Arc::new(Mutex::new(None::<(Instant, Instant)>)));
    Attack::new("search flood, one address", 30, move |number, tally| {
        let (clients, random, began) = (clients.clone(), random.clone(), began.clone());
        async move {
            let now = Instant::now();
            let mut began = began.lock().await;
            let (start, last) = began.get_or_insert((now, now));
            let mut chosen = clients.iter().collect::<Vec<_>>();
            if now < *start + PREPARATION {
                if now < *last {
                    return;
                }
                *last = now + SPACING;
                let turn = usize::try_from(number).unwrap_or_default() % chosen.len();
                chosen = vec![chosen[turn]];
            }
            drop(began);
            let mut volley = JoinSet::new();
            for client in chosen {
                let client = client.clone();
                let (from, to) = (random.below(1_000), 1_000 + random.below(1_000));
                volley.spawn(async move {
                    let target =
                        format!("/books?title_contains=ab&year_from={from}&year_to={to}&sort_by=title");
                    client.get(&target).try_send().await
                });
            }
            while let Some(response) = volley.join_next().await {
                tally.count(&response.unwrap_or_else(|error| Err(testkit::Failure::here(error))));
            }
        }
    })
    .in_volleys(size)
    .costing(1, 0)
    .limited(PER_MINUTE)
}

fn deep_pages(targets: &Arc<Targets>) -> Attack {
    const ORDERS: [&str; 4] = ["author:desc,title", "title,year:desc", "year:desc,author,title", "author"];
    let (targets, random) = (targets.clone(), Arc::new(Random::new(2)));
    Attack::new("deep pages and sorts", 10, move |number, tally| {
        let network = usize::try_from(number).unwrap_or_default() % NETWORKS;
        let client = targets.books.client(&address(0xb, network));
        let (page, order) = (random.below(2_000) + 1, *random.pick(&ORDERS));
        async move {
            let target = format!("/books?page={page}&page_size=5&sort_by={order}");
            tally.count(&client.get(&target).try_send().await);
        }
    })
    .limited(NETWORKS * PER_MINUTE)
}

/// A hundred books with descriptions of full size take twice as much as is kept of a page; forty just fit.
fn fat_pages(targets: &Arc<Targets>) -> Attack {
    let (targets, random) = (targets.clone(), Arc::new(Random::new(3)));
    Attack::new("fat pages", 12, move |number, tally| {
        let network = usize::try_from(number).unwrap_or_default() % NETWORKS;
        let client = targets.books.client(&address(0xc, network));
        let (from, size) = (random.below(2_000), if number % 3 == 0 { 40 } else { 100 });
        async move {
            let target = format!("/books?page_size={size}&year_from={from}&sort_by=year");
            tally.count(&client.get(&target).try_send().await);
        }
    })
    .limited(NETWORKS * PER_MINUTE)
}
