//! The attackers.

mod attack;
mod guesses;
mod keyed_floods;
mod odd_events;
mod searches;
mod stolen_session;

use std::sync::Arc;

use stack::Result;

pub(crate) use self::attack::{Attack, Targets};

/// Every attacker.
pub(crate) async fn all(targets: &Arc<Targets>) -> Result<Vec<Attack>> {
    let mut all = searches::attacks(targets);
    all.extend(guesses::attacks(targets));
    all.push(stolen_session::attack(targets));
    all.extend(keyed_floods::attacks(targets).await?);
    all.push(odd_events::attack(targets)?);
    Ok(all)
}
