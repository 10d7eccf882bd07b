//! The conditions of AWS: stores that are away and slow to sign in to, and the share of a processor that the memory of
//! a function buys. The bare machine of the other groups has none of this.

mod cold;
mod conditions;
mod routes;
mod side;
mod warm;

use stack::Result;

use self::conditions::Conditions;
use crate::comparison::Budget;
use crate::fixture::Fixture;
use crate::options::Options;
use crate::results::Results;

pub(super) async fn run(
    fixture: &Fixture,
    budget: Budget,
    options: &Options,
    results: &mut Results,
) -> Result<()> {
    let conditions = Conditions::prepare(fixture, options.memory)?;
    println!("aws: {}", conditions.note);
    results.notes.push(("aws", conditions.note.clone()));
    cold::run(&conditions, budget.for_slow(40), results).await?;
    warm::run(&conditions, budget, results).await
}
