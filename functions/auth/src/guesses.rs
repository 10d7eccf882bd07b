//! What protects passwords from being guessed, wherever one is asked for. `docs/LIMITS.md` gives the reasons.

use shared::http::{ClientIp, Result};
use shared::protection::lockout::{Entry, Guard, Rule};
use shared::protection::quota::MINUTE;

use crate::App;
use crate::security_log::Event;

/// The longest lock that relapses lead to.
const LONGEST: std::time::Duration = MINUTE.saturating_mul(15);

/// Wrong guesses at one name from one network.
const NAME_AND_IP: Rule = Rule::new("name-ip", 5, MINUTE.saturating_mul(15), MINUTE).growing_to(LONGEST);

/// Wrong guesses at one name from anywhere, but for networks that signed in with it before: strangers must not
/// lock its owner out.
const NAME: Rule = Rule::new("name", 50, MINUTE.saturating_mul(60), MINUTE).growing_to(LONGEST);

/// Wrong guesses from one network at any name. A success does not wash it clean.
const IP: Rule =
    Rule::new("ip", 100, MINUTE.saturating_mul(15), MINUTE).growing_to(LONGEST).kept_on_success();

/// Who guesses at whose password, and where.
pub(crate) struct Guess<'a> {
    /// What the security log calls it.
    pub(crate) event: &'static str,
    /// The name's key.
    pub(crate) name: &'a str,
    pub(crate) ip: ClientIp,
    /// Whether this name signed in from this network before.
    pub(crate) known_here: bool,
}

/// Runs `check`, which answers `None` for a wrong password, with the guess reserved before and settled after. A
/// locked door answers `None` as well, at once and without a check: it tells nothing.
pub(crate) async fn guarded<T>(
    app: &App,
    guess: Guess<'_>,
    check: impl Future<Output = Result<Option<T>>>,
) -> Result<Option<T>> {
    let refused = |outcome| Event::new(guess.event, outcome).username(guess.name).record(guess.ip);
    let attempt = match app.lockout.begin(guards(app, &guess)).await? {
        Entry::Open(attempt) => attempt,
        Entry::Locked(_) => {
            refused("locked");
            return Ok(None);
        }
    };
    let checked = check.await;
    match &checked {
        Ok(Some(_)) => {
            if let Err(error) = attempt.succeeded().await {
                tracing::warn!(%error, "failures before a success were not forgotten");
            }
        }
        Ok(None) => {
            // The answer must not depend on whether the count was kept: until it runs out, the reservation counts.
            if let Err(error) = attempt.failed().await {
                tracing::warn!(%error, "a failure was not counted");
            }
            refused("refused");
        }
        // A store is away: what could not be checked must not count as a guess.
        Err(_) => drop(attempt.abandoned().await),
    }
    checked
}

fn guards(app: &App, guess: &Guess<'_>) -> Vec<Guard> {
    let address = guess.ip.to_string();
    let mut guards =
        vec![app.lockout.guard(NAME_AND_IP, &[guess.name, &address]), app.lockout.guard(IP, &[&address])];
    if !guess.known_here {
        guards.push(app.lockout.guard(NAME, &[guess.name]));
    }
    guards
}
