//! The project's own commands: bring up everything on one machine, test it, check it, build it.
//!
//! `error`, `settings`, `launch`, `process` → `tools` (find or install programs) → `server` (the three servers)
//! → `stack` (servers, keys, migrations, an `env` file) → `up`, `test`, `check`, `bootstraps`, `bench`. Beside them
//! stand `environment`, one function as a process, and `door`, which counts round trips, for tests.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

pub mod bench;
pub mod bootstraps;
pub mod check;
pub mod door;
mod dotenv;
pub mod environment;
pub mod error;
mod folder;
pub mod http;
pub mod keys;
mod launch;
pub mod openapi;
mod place;
mod ports;
mod process;
mod random;
pub mod replay;
mod seed;
pub mod server;
mod settings;
mod signals;
pub mod stack;
pub mod test;
pub mod tools;
pub mod up;
mod user;
pub mod workspace;

pub use error::{Error, Result};
