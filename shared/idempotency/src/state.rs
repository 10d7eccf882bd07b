//! The state of the middleware, and the tokens that it derives from requests.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::config::{self, Env};
use shared::fingerprint::fingerprint;
use shared::stores::idempotent_write::IdempotencyToken;

use crate::key::Key;
use crate::table::Table;

/// The state of the middleware. Cloning shares the client, which is built by the first request with a key.
#[derive(Clone)]
pub struct Idempotency {
    pub(super) table: Arc<Table>,
    stack: Arc<str>,
    stage: Option<Arc<str>>,
    secret: Arc<[u8]>,
}

impl Idempotency {
    /// Reads `IDEMPOTENCY_TABLE`, `STACK_NAME` and `STAGE_PREFIX` (which become part of a write's id), the
    /// [`AwsCredentials`](shared::stores::iam::AwsCredentials) and, for a local `DynamoDB`,
    /// `AWS_ENDPOINT_URL_DYNAMODB`. Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let stack = env.stack_name()?.into();
        let stage = env.optional("STAGE_PREFIX").map(Arc::from);
        Ok(Self { table: Arc::new(Table::from_env(env)?), stack, stage, secret: Arc::new([]) })
    }

    /// Keys the fingerprints of bodies with `secret`, for requests whose bodies contain secrets. Nobody can check a
    /// guessed body against a record without it.
    #[must_use]
    pub fn with_secret(self, secret: &[u8]) -> Self {
        Self { secret: secret.into(), ..self }
    }

    /// Derives the token of a write from the stack and the stage, the client and the subject, the operation (method and
    /// route), the key and the body. Neither key nor body can be read from it.
    pub(super) fn token(
        &self,
        client: [&str; 2],
        operation: [&str; 2],
        key: &Key,
        body: &[u8],
    ) -> IdempotencyToken {
        let [client, subject] = client;
        let [method, route] = operation.map(Some);
        let subject = Some(subject).filter(|subject| !subject.is_empty());
        let (stack, stage) = (Some(&*self.stack), self.stage.as_deref());
        let id = fingerprint([stack, stage, Some(client), subject, method, route, Some(key.as_str())]);
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
