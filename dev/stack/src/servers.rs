//! The servers of a stack, each on a free port, with its own password and data.

mod dynamodb;
mod moto;
mod postgres;
mod redis;
mod server;
mod server_context;

pub use self::server::Server;
pub(crate) use self::{
    dynamodb::{create_table, prepare as dynamodb},
    postgres::{Postgres, prepare as postgres},
    redis::prepare as redis,
    server_context::ServerContext,
};
