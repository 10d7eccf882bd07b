//! Idempotent writes: a client that sends an `Idempotency-Key` may repeat its request, and the write happens once.
//!
//! The middleware [`idempotent`] derives an id from the client, the operation and the key, and claims a record with
//! that id in `DynamoDB` before the handler runs. After a final response it stores the response in the record; after
//! any other it releases the record, so that the request can be tried again. A repetition gets the stored response, or
//! 409 while the first request is in progress, or 422 if its body differs.
//!
//! A second mechanism holds where `DynamoDB` is unavailable or a process dies in between: the handler's statement
//! inserts a row with the same id beside what it writes ([`shared::stores::idempotent_write`]). So when the table
//! fails, the request goes on without a record. The attributes are those of Powertools for AWS Lambda, so that
//! functions in other languages can use the same table.

mod client;
mod key;
mod layer;
mod record;
mod table;

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

/// The state of the middleware. Cloning shares the client, which is built by the first request with a key.
#[derive(Clone)]
pub struct Idempotency {
    table: Arc<Table>,
    stage: Option<Arc<str>>,
    secret: Arc<[u8]>,
}

impl Idempotency {
    /// Reads `IDEMPOTENCY_TABLE`, `STAGE_PREFIX` (which becomes part of a write's id), the
    /// [`AwsCredentials`](shared::stores::iam::AwsCredentials) and, for a local `DynamoDB`,
    /// `AWS_ENDPOINT_URL_DYNAMODB`. Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let stage = env.optional("STAGE_PREFIX").map(Arc::from);
        Ok(Self { table: Arc::new(Table::from_env(env)?), stage, secret: Arc::new([]) })
    }

    /// Keys the fingerprints of bodies with `secret`, for requests whose bodies contain secrets. Nobody can check a
    /// guessed body against a record without it.
    #[must_use]
    pub fn with_secret(self, secret: &[u8]) -> Self {
        Self { secret: secret.into(), ..self }
    }

    /// Derives the token of a write from the caller, the operation (method and route), the key and the body. Neither
    /// key nor body can be read from it.
    fn token(&self, caller: &str, operation: [&str; 2], key: &Key, body: &[u8]) -> IdempotencyToken {
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
