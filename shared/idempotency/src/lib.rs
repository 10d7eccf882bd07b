//! Idempotent writes: a caller who sends an `Idempotency-Key` may send its request again, and it is done once.
//!
//! Two memories keep the promise. A record in `DynamoDB` tells what is being done and holds the answer of what is
//! done; [`shared::stores::idempotent_write`] has a row beside what was written, and so holds on where `DynamoDB` forgets or is away.
//! The record's attributes are those of Powertools for AWS Lambda, so that one table serves several languages.

mod key;
mod layer;
mod record;
mod table;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::config::{self, Env};
use shared::fingerprint::fingerprint;
use shared::stores::idempotent_write::IdempotencyToken;

pub use layer::{Scope, idempotent};

use key::Key;
use table::Table;

/// What remembers writes. Cloning shares the connection, which is opened by the first request with a key.
#[derive(Clone)]
pub struct Idempotency {
    table: Arc<Table>,
    stage: Option<Arc<str>>,
    secret: Arc<[u8]>,
}

impl Idempotency {
    /// Reads `IDEMPOTENCY_TABLE`, `STAGE_PREFIX` (as part of what names a write), and what leads to `DynamoDB`: the
    /// [`AwsCredentials`](shared::stores::iam::AwsCredentials) and, for a local one, `AWS_ENDPOINT_URL_DYNAMODB`. Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let stage = env.optional("STAGE_PREFIX").map(Arc::from);
        Ok(Self { table: Arc::new(Table::from_env(env)?), stage, secret: Arc::new([]) })
    }

    /// The same, for requests whose bodies hold secrets: without `secret`, what a record tells of a body can't be
    /// compared with a guess.
    #[must_use]
    pub fn with_secret(self, secret: &[u8]) -> Self {
        Self { secret: secret.into(), ..self }
    }

    /// Names the write that `caller` asks for under `key`. Neither key nor body can be read from it.
    fn ticket(&self, caller: &str, operation: [&str; 2], key: &Key, body: &[u8]) -> IdempotencyToken {
        let [method, route] = operation.map(Some);
        let id = fingerprint([self.stage.as_deref(), Some(caller), method, route, Some(key.as_str())]);
        let mac = mac(&mac(&self.secret, key.as_str().as_bytes()), body);
        IdempotencyToken::new(id, URL_SAFE_NO_PAD.encode(mac))
    }
}

/// HMAC-SHA-256.
fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
