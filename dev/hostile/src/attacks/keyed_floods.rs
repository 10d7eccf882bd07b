//! Floods of requests with idempotency keys, each with a key of its own, so that each leaves a record in `DynamoDB`:
//! with thousands of unknown fields, whose errors would make a large answer, and with large bodies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use stack::{Error, Result};
use tokio::time::{Duration, Instant};

use super::attack::{Attack, Targets, address};
use crate::random::Random;

/// Networks of each flood of writes, and what the quota `default` lets one of them send in a minute.
const NETWORKS: usize = 2;
const PER_MINUTE: usize = 100;

/// The same of the registrations.
const REGISTERING_NETWORKS: usize = 10;
const REGISTRATIONS_PER_MINUTE: usize = 10;

/// As many fields as fit into a body of the largest size.
const FIELDS: usize = 3_000;

/// How long a token of the attacker is used, of the ten minutes that it is valid.
const TOKEN_AGE: Duration = Duration::from_mins(8);

const NAME: &str = "mallory";
const PASSWORD: &str = "a password of bad intent";

/// The attacker's own account, which signs in anew before its token is too old.
struct Account {
    targets: Arc<Targets>,
    token: Mutex<(String, Instant)>,
}

pub(super) async fn attacks(targets: &Arc<Targets>) -> Result<Vec<Attack>> {
    let account = Arc::new(Account::open(targets).await?);
    let unknown = unknown_fields();
    let large = json!({"title": "x".repeat(60_000), "author": "y"}).to_string();
    let too_large = json!({"title": "x".repeat(70_000), "author": "y"}).to_string();
    Ok(vec![
        writes("keyed writes of 3,000 unknown fields", 0x2, account.clone(), vec![unknown.clone()]),
        writes("keyed writes with large bodies", 0x3, account, vec![large, too_large]),
        registrations(targets, unknown),
    ])
}

/// A body with thousands of members that no operation knows.
fn unknown_fields() -> String {
    let fields = (0..FIELDS).map(|number| (format!("unknown_{number}"), json!(1)));
    json!(fields.collect::<BTreeMap<String, Value>>()).to_string()
}

fn writes(name: &'static str, block: u8, account: Arc<Account>, bodies: Vec<String>) -> Attack {
    let random = Arc::new(Random::new(u64::from(block)));
    let bodies = Arc::new(bodies);
    Attack::new(name, 8, move |_, tally| {
        let client = account.targets.books.client(&address(block, random.below(NETWORKS)));
        let (account, bodies, random) = (account.clone(), bodies.clone(), random.clone());
        async move {
            let token = account.token().await;
            let request = client.post("/books").bearer(&token).header("idempotency-key", &random.token());
            let request =
                request.header("content-type", "application/json").body(random.pick::<String>(&bodies));
            tally.count(&request.try_send().await);
        }
    })
    // The session, which is looked up while a write is counted.
    .costing(1, 1)
    .limited(NETWORKS * PER_MINUTE)
}

fn registrations(targets: &Arc<Targets>, body: String) -> Attack {
    let (targets, random, body) = (targets.clone(), Arc::new(Random::new(6)), Arc::new(body));
    Attack::new("keyed registrations", 4, move |_, tally| {
        let client = targets.auth.client(&address(0x4, random.below(REGISTERING_NETWORKS)));
        let (key, body) = (random.token(), body.clone());
        async move {
            let request = client.post("/auth/register").header("idempotency-key", &key);
            let request = request.header("content-type", "application/json").body(&body);
            tally.count(&request.try_send().await);
        }
    })
    .costing(0, 0)
    .limited(REGISTERING_NETWORKS * REGISTRATIONS_PER_MINUTE)
}

impl Account {
    async fn open(targets: &Arc<Targets>) -> Result<Self> {
        let person = json!({"username": NAME, "password": PASSWORD});
        let client = targets.auth.client(&address(0x5, 0));
        let registered = client.post("/auth/register").json(&person).try_send().await;
        match registered {
            Ok(response) if response.status == 201 => {}
            other => return Err(Error::new(format!("cannot register the attacker: {other:?}"))),
        }
        let account = Self { targets: targets.clone(), token: Mutex::new((String::new(), Instant::now())) };
        account.sign_in().await;
        Ok(account)
    }

    async fn token(&self) -> String {
        let (token, since) = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if since.elapsed() < TOKEN_AGE {
            return token;
        }
        self.sign_in().await;
        self.token.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Signs in; where that fails the old token stays, and is tried again at the next age.
    async fn sign_in(&self) {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).1 = Instant::now();
        let form = [("username", NAME), ("password", PASSWORD)];
        let client = self.targets.auth.client(&address(0x5, 0));
        if let Ok(response) = client.post("/auth/login").form(&form).try_send().await
            && let Some(token) = response.json()["access_token"].as_str()
        {
            token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner).0);
        }
    }
}
