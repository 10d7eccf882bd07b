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
mod state;
mod table;

pub use layer::{Scope, idempotent};
pub use state::Idempotency;
