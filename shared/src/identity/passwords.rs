//! Passwords: what is accepted, and how it is kept.
//!
//! Kept as bcrypt over base64(HMAC-SHA-384(pepper, password)): bcrypt alone stops at 71 bytes and repeats a
//! key that holds a NUL. The MAC is 64 characters without NUL, and useless without the pepper.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Sha256, Sha384};

use crate::config::{self, Env};

/// bcrypt's cost where `BCRYPT_COST` is not set: about a quarter of a second on a full core.
const DEFAULT_COST: u32 = 12;
const COSTS: std::ops::RangeInclusive<u32> = 10..=15;

/// The fewest bytes of pepper.
const SHORTEST_PEPPER: usize = 32;

/// A correct hash of cost 10 that no password matches; only its cost is replaced.
const DUMMY: &str = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";

/// Hashes and checks passwords, away from the threads that serve requests.
#[derive(Clone)]
pub struct Hasher {
    pepper: Arc<[u8]>,
    cost: u32,
}

/// The outcome of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not the password.
    Wrong,
    /// The password.
    Right,
    /// The password, kept at a lower cost than today's: hash it again.
    RightButCheap,
}

/// Hashing was cut short; the process is ending.
#[derive(Debug, thiserror::Error)]
#[error("hashing did not finish")]
pub struct Unfinished;

/// A new pepper, as `PASSWORD_PEPPER` wants it.
///
/// # Panics
/// When the system has no randomness to give.
#[must_use]
pub fn new_pepper() -> String {
    let mut pepper = [0; SHORTEST_PEPPER];
    SystemRandom::new().fill(&mut pepper).expect("the system has randomness");
    STANDARD.encode(pepper)
}

impl Hasher {
    /// Reads `PASSWORD_PEPPER` (base64, 32 bytes or more) and `BCRYPT_COST` (10 to 15, default 12).
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let pepper = STANDARD.decode(env.required("PASSWORD_PEPPER")?);
        let pepper = pepper
            .ok()
            .filter(|pepper| pepper.len() >= SHORTEST_PEPPER)
            .ok_or_else(|| config::Error::invalid("PASSWORD_PEPPER", "is not base64 of 32 bytes or more"))?;
        let cost = env.parsed("BCRYPT_COST", DEFAULT_COST)?;
        if !COSTS.contains(&cost) {
            return Err(config::Error::invalid("BCRYPT_COST", "is not from 10 to 15"));
        }
        Ok(Self { pepper: pepper.into(), cost })
    }

    /// The hash to keep.
    pub async fn hash(&self, password: &str) -> Result<String, Unfinished> {
        let (peppered, cost) = (self.peppered(password), self.cost);
        run(move || bcrypt::hash(peppered, cost).map_err(|_| Unfinished)).await?
    }

    /// Checks `password` against what is kept. Without anything kept (no such user) it takes the same time
    /// and answers [`Check::Wrong`].
    pub async fn check(&self, password: &str, kept: Option<String>) -> Result<Check, Unfinished> {
        let peppered = self.peppered(password);
        let exists = kept.is_some();
        let kept = kept.unwrap_or_else(|| dummy(self.cost));
        let cost = self.cost;
        let cheap = cost_of(&kept).filter(|kept| *kept < cost);
        let matches = run(move || {
            let matches = bcrypt::verify(&peppered, &kept).unwrap_or(false);
            // Each cost takes twice as long as the one before: the hash and these dummies together take as long
            // as one hash of today's cost, so that a cheap hash doesn't tell by its speed that a user exists.
            for cost in cheap.unwrap_or(cost)..cost {
                let _ = bcrypt::verify(&peppered, &dummy(cost));
            }
            matches
        });
        Ok(match matches.await? && exists {
            false => Check::Wrong,
            true if cheap.is_some() => Check::RightButCheap,
            true => Check::Right,
        })
    }

    /// A key for another purpose, as secret as the pepper, which it does not tell.
    #[must_use]
    pub fn subkey(&self, purpose: &str) -> Vec<u8> {
        self.mac::<Hmac<Sha256>>(purpose)
    }

    fn peppered(&self, password: &str) -> String {
        STANDARD.encode(self.mac::<Hmac<Sha384>>(password))
    }

    fn mac<M: Mac + KeyInit>(&self, text: &str) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(&self.pepper).expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

fn dummy(cost: u32) -> String {
    DUMMY.replacen("10", &format!("{cost:02}"), 1)
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unfinished> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Unfinished)
}

fn cost_of(hash: &str) -> Option<u32> {
    hash.split('$').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(cost: u32) -> Hasher {
        Hasher { pepper: [7; 32].into(), cost }
    }

    #[tokio::test]
    async fn long_passwords_and_nul_make_a_difference() {
        let hasher = hasher(4);
        for (kept, tried) in [("x".repeat(72), "x".repeat(73)), ("a".into(), "a\0a".into())] {
            let hash = hasher.hash(&kept).await.unwrap();
            assert_eq!(hasher.check(&kept, Some(hash.clone())).await.unwrap(), Check::Right);
            assert_eq!(hasher.check(&tried, Some(hash)).await.unwrap(), Check::Wrong);
        }
    }

    #[tokio::test]
    async fn a_hash_of_lower_cost_is_right_but_cheap() {
        let hash = hasher(4).hash("password").await.unwrap();
        assert_eq!(hasher(5).check("password", Some(hash)).await.unwrap(), Check::RightButCheap);
    }

    #[test]
    fn the_dummy_is_a_real_hash_of_the_configured_cost() {
        for cost in COSTS {
            let parts: bcrypt::HashParts = dummy(cost).parse().unwrap();
            assert_eq!(parts.get_cost(), cost);
            assert_eq!(parts.to_string(), dummy(cost));
        }
    }

    #[test]
    fn a_cheap_cost_or_a_short_pepper_ends_the_start() {
        let pepper = STANDARD.encode([7; 32]);
        for (pepper, cost) in [(pepper.as_str(), "9"), (&pepper, "16"), (&pepper, "x"), ("c2hvcnQ=", "12")] {
            let env = Env::of([("PASSWORD_PEPPER", pepper), ("BCRYPT_COST", cost)]);
            assert!(Hasher::from_env(&env).is_err(), "{cost}");
        }
    }
}
