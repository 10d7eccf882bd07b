//! Counts the statements that refused requests cost.
//!
//! After the attack, attackers whose cost is known attack once more, one after the other and alone: what Postgres does
//! then is their work. What an admitted request costs is subtracted; the rest was run for refused ones.

use std::time::Duration;

use stack::Result;
use tokio::time::{Instant, sleep};

use crate::attacks::Attack;
use crate::stores::{SETTLING, Stores};
use crate::tally::Counts;

/// How long each attacks.
const DURATION: Duration = Duration::from_secs(8);

/// What else Postgres may do meanwhile for an environment: check a connection that was idle.
const CHECKS: i64 = 2;

/// What one attack cost.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    pub(crate) counts: Counts,
    pub(crate) transactions: i64,
    /// The most that the admitted ones cost.
    pub(crate) of_admitted: i64,
    /// The most that refused ones may cost.
    pub(crate) allowed_for_refused: i64,
}

impl Cost {
    /// The statements that were run for refused requests, at least.
    pub(crate) fn of_refused(&self) -> i64 {
        (self.transactions - self.of_admitted).max(0)
    }

    /// Whether refused requests cost more than they may.
    pub(crate) fn is_too_high(&self) -> bool {
        self.of_refused() > self.allowed_for_refused
    }
}

/// Measures the attacks whose cost is known.
pub(crate) async fn measure(
    attacks: &[Attack],
    rate: u32,
    environments: usize,
    stores: &mut Stores,
) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    sleep(SETTLING).await;
    for attack in attacks {
        let Some(each) = attack.statements_admitted else { continue };
        let (counts, transactions) = (attack.tally.counts(), stores.transactions().await?);
        attack.run_alone(rate, Instant::now() + DURATION).await;
        sleep(SETTLING).await;
        let counts = attack.tally.counts().since(&counts);
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let refused = number(counts.refused() * attack.statements_refused);
        // A request that was told 503 may have got as far as an admitted one.
        let admitted = number((counts.admitted() + counts.unavailable()) * each);
        costs.push(Cost {
            name: attack.name,
            transactions: stores.transactions().await? - transactions,
            of_admitted: admitted,
            allowed_for_refused: refused + CHECKS * number(environments),
            counts,
        });
    }
    Ok(costs)
}
