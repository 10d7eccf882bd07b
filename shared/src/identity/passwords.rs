//! Hashing and checking passwords.
//!
//! The database stores bcrypt over base64(HMAC-SHA-384(pepper, password)). bcrypt alone ignores everything after 71
//! bytes and repeats a password that contains NUL; the MAC is 64 characters without NUL for every password. It also
//! makes a stolen database useless without the pepper, a secret of the deployment. Hashing takes a quarter of a second
//! of CPU, so it runs on blocking threads. A check takes the same time for an unknown user, by a dummy hash, and for a
//! hash of a lower cost, by additional ones; so the time does not tell whether a user exists.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Sha256, Sha384};

use crate::config::{self, Env};

/// bcrypt's cost (the binary logarithm of its rounds) where `BCRYPT_COST` is not set: about a quarter of a second on a
/// full core.
const DEFAULT_COST: u32 = 12;
const PERMITTED_COSTS: std::ops::RangeInclusive<u32> = 10..=15;

/// The shortest pepper in bytes.
const MIN_PEPPER_LENGTH: usize = 32;

/// A well-formed hash of cost 10 that no password matches. Only its cost is replaced.
const DUMMY_HASH: &str = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";

/// Hashes and checks passwords, on blocking threads; cloning shares the pepper.
#[derive(Clone)]
pub struct Hasher {
    pepper: Arc<[u8]>,
    cost: u32,
}

/// The result of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The password is wrong, or there is no such user.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and its stored hash has a lower cost than is configured: hash it again.
    RightNeedsRehash,
}

/// Hashing was cut short because the process is ending.
#[derive(Debug, thiserror::Error)]
#[error("hashing did not finish")]
pub struct Unfinished;

/// Generates a pepper, as the value of `PASSWORD_PEPPER`: 32 bytes in base64.
///
/// # Panics
/// When the operating system provides no randomness.
#[must_use]
pub fn new_pepper() -> String {
    let mut pepper = [0; MIN_PEPPER_LENGTH];
    SystemRandom::new().fill(&mut pepper).expect("the system has randomness");
    STANDARD.encode(pepper)
}

impl Hasher {
    /// Reads `PASSWORD_PEPPER` (base64, 32 bytes or more) and `BCRYPT_COST` (10 to 15, default 12).
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let pepper = STANDARD.decode(env.required("PASSWORD_PEPPER")?);
        let pepper = pepper
            .ok()
            .filter(|pepper| pepper.len() >= MIN_PEPPER_LENGTH)
            .ok_or_else(|| config::Error::invalid("PASSWORD_PEPPER", "is not base64 of 32 bytes or more"))?;
        let cost = env.parsed("BCRYPT_COST", DEFAULT_COST)?;
        if !PERMITTED_COSTS.contains(&cost) {
            return Err(config::Error::invalid("BCRYPT_COST", "is not from 10 to 15"));
        }
        Ok(Self { pepper: pepper.into(), cost })
    }

    /// Hashes a password for the database, in bcrypt's text format.
    pub async fn hash(&self, password: &str) -> Result<String, Unfinished> {
        let (peppered, cost) = (self.peppered(password), self.cost);
        run_blocking(move || bcrypt::hash(peppered, cost).map_err(|_| Unfinished)).await?
    }

    /// Checks `password` against the stored hash. Without one (an unknown user) it takes the same time and returns
    /// [`Check::Wrong`].
    pub async fn check(&self, password: &str, stored_hash: Option<String>) -> Result<Check, Unfinished> {
        let peppered = self.peppered(password);
        let exists = stored_hash.is_some();
        let stored_hash = stored_hash.unwrap_or_else(|| dummy_hash(self.cost));
        let cost = self.cost;
        let lower_cost = cost_of(&stored_hash).filter(|stored| *stored < cost);
        let matches = run_blocking(move || {
            let matches = bcrypt::verify(&peppered, &stored_hash).unwrap_or(false);
            // Each cost takes twice as long as the one below: the stored hash and these dummies together take as long
            // as one hash of the configured cost, so that a fast check does not tell that a user exists.
            for cost in lower_cost.unwrap_or(cost)..cost {
                let _ = bcrypt::verify(&peppered, &dummy_hash(cost));
            }
            matches
        });
        Ok(match matches.await? && exists {
            false => Check::Wrong,
            true if lower_cost.is_some() => Check::RightNeedsRehash,
            true => Check::Right,
        })
    }

    /// Derives a key for another purpose from the pepper (HMAC-SHA-256). It does not reveal the pepper.
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

fn dummy_hash(cost: u32) -> String {
    DUMMY_HASH.replacen("10", &format!("{cost:02}"), 1)
}

async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unfinished> {
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
        for (password, guess) in [("x".repeat(72), "x".repeat(73)), ("a".into(), "a\0a".into())] {
            let hash = hasher.hash(&password).await.unwrap();
            assert_eq!(hasher.check(&password, Some(hash.clone())).await.unwrap(), Check::Right);
            assert_eq!(hasher.check(&guess, Some(hash)).await.unwrap(), Check::Wrong);
        }
    }

    #[tokio::test]
    async fn a_hash_of_lower_cost_needs_a_rehash() {
        let hash = hasher(4).hash("password").await.unwrap();
        assert_eq!(hasher(5).check("password", Some(hash)).await.unwrap(), Check::RightNeedsRehash);
    }

    #[test]
    fn the_dummy_is_a_well_formed_hash_of_the_configured_cost() {
        for cost in PERMITTED_COSTS {
            let parts: bcrypt::HashParts = dummy_hash(cost).parse().unwrap();
            assert_eq!(parts.get_cost(), cost);
            assert_eq!(parts.to_string(), dummy_hash(cost));
        }
    }

    #[test]
    fn a_cost_out_of_range_or_a_short_pepper_is_refused() {
        let pepper = STANDARD.encode([7; 32]);
        for (pepper, cost) in [(pepper.as_str(), "9"), (&pepper, "16"), (&pepper, "x"), ("c2hvcnQ=", "12")] {
            let env = Env::of([("PASSWORD_PEPPER", pepper), ("BCRYPT_COST", cost)]);
            assert!(Hasher::from_env(&env).is_err(), "{cost}");
        }
    }
}
