//! Protects passwords from being guessed, wherever one is asked for. `docs/LIMITS.md` gives the reasons.
//!
//! A guess is counted before its password is hashed, and counted out again if it was right. While too many are
//! counted, further guesses are refused without a hash and get the response of a wrong password.

use shared::http::{ClientNetwork, Result};
use shared::identity::passwords::Hasher;
use shared::protection::lockout::{Admission, Counter, Lockout, Rule};
use shared::protection::quota::MINUTE;

use crate::security_log::{Event, TriedName};

/// The longest lock, after locks that followed each other.
const LONGEST: std::time::Duration = MINUTE.saturating_mul(15);

/// Wrong guesses at one name from one network.
const NAME_AND_NETWORK: Rule = Rule::new("name-ip", 5, MINUTE.saturating_mul(15), MINUTE).growing_to(LONGEST);

/// Wrong guesses at one name from anywhere, but for networks that signed in with it before: nobody else must
/// be able to lock its owner out.
const NAME: Rule = Rule::new("name", 50, MINUTE.saturating_mul(60), MINUTE).growing_to(LONGEST);

/// Wrong guesses from one network at any name. A success does not clear them.
const NETWORK: Rule =
    Rule::new("ip", 100, MINUTE.saturating_mul(15), MINUTE).growing_to(LONGEST).not_cleared_by_success();

/// Checks passwords and counts wrong guesses.
#[derive(Clone)]
pub(crate) struct PasswordCheck {
    pub(crate) hasher: Hasher,
    lockout: Lockout,
}

/// A guess at somebody's password.
pub(crate) struct Guess<'a> {
    /// The name of the event in the security log.
    pub(crate) event: &'static str,
    /// The key of the user's name.
    pub(crate) name: &'a str,
    pub(crate) network: ClientNetwork,
    /// Whether this is the name of a user.
    pub(crate) is_known: bool,
    /// Whether this name signed in from this network before.
    pub(crate) knows_network: bool,
}

impl PasswordCheck {
    pub(crate) fn new(hasher: Hasher, lockout: Lockout) -> Self {
        Self { hasher, lockout }
    }

    /// Runs `check`, which returns `None` for a wrong password, with the guess reserved before and settled after. While
    /// a right guess is settled, `proceed` goes on with what the check returned.
    ///
    /// While a rule is locked this returns `None` too, at once and without a check, so that a lock tells nothing. A
    /// check that fails for want of a store does not count as a guess.
    pub(crate) async fn check_with_lockout<T, U>(
        &self,
        guess: Guess<'_>,
        check: impl Future<Output = Result<Option<T>>>,
        proceed: impl AsyncFnOnce(T) -> Result<U>,
    ) -> Result<Option<U>> {
        let refused = |outcome| {
            let digest;
            let name = if guess.is_known {
                TriedName::Known(guess.name)
            } else {
                digest = self.name_digest(guess.name);
                TriedName::Unknown(&digest)
            };
            Event::new(guess.event, outcome).name(name).record(guess.network);
        };
        let attempt = match self.lockout.begin(self.counters(&guess)).await? {
            Admission::Allowed(attempt) => attempt,
            Admission::Locked(_) => {
                refused("locked");
                return Ok(None);
            }
        };
        match check.await {
            Ok(Some(right)) => {
                let (settled, result) = tokio::join!(attempt.succeeded(), proceed(right));
                if let Err(error) = settled {
                    tracing::warn!(%error, "failures before a success were not cleared");
                }
                result.map(Some)
            }
            Ok(None) => {
                // The response must not depend on whether the count was stored: until it runs out, the reservation
                // counts.
                if let Err(error) = attempt.failed().await {
                    tracing::warn!(%error, "a failure was not counted");
                }
                refused("refused");
                Ok(None)
            }
            Err(error) => {
                // A failure to take the reservation back is no worse than the failed check: it expires.
                let _ = attempt.abandoned().await;
                Err(error)
            }
        }
    }

    /// A digest of a name that nobody can try names against without the pepper: the first 16 bytes of its HMAC in
    /// hexadecimal.
    fn name_digest(&self, name: &str) -> String {
        hex::encode(&self.hasher.subkey(&format!("name in the log: {name}"))[..16])
    }

    fn counters(&self, guess: &Guess<'_>) -> Vec<Counter> {
        let network = guess.network.to_string();
        let mut counters = vec![
            self.lockout.counter(NAME_AND_NETWORK, &[guess.name, &network]),
            self.lockout.counter(NETWORK, &[&network]),
        ];
        if !guess.knows_network {
            counters.push(self.lockout.counter(NAME, &[guess.name]));
        }
        counters
    }
}
