//! Everything that runs on one machine: servers instead of AWS's, functions as processes, and the local API.
//!
//! This crate knows no function but by its name and its binary, so it compiles in seconds. Each module imports only
//! modules above it in this table; a test keeps it so.
//!
//! | module | purpose |
//! |---|---|
//! | [`error`] | the error type: a sentence for the person at the terminal, and an exit code |
//! | [`settings`] | reads the environment variables |
//! | `random` | makes random values: tokens, keys |
//! | [`env_file`] | writes and reads the `env` file of a stack |
//! | [`http`] | sends HTTP requests |
//! | [`signals`] | waits for Ctrl-C |
//! | `programs` | finds programs on the machine |
//! | `user` | the user that servers run as |
//! | [`process_spec`] | describes a process before it is started |
//! | [`process`] | starts and ends programs |
//! | [`workspace`] | finds the project's folders and calls cargo |
//! | [`cache_users`] | the users of the cache, as the template describes them |
//! | `versions` | the oldest servers that can be used |
//! | `lock` | lets one process at a time do something |
//! | `folder` | holds the folder of a stack |
//! | `ports` | finds free ports |
//! | [`tools`] | finds or installs the programs that are needed |
//! | [`servers`] | Postgres, Redis, `DynamoDB` and, for tests, Secrets Manager |
//! | [`release`] | builds programs as they are deployed |
//! | [`environment`] | runs a function's binary as Lambda does |
//! | [`sample_books`] | fills an empty database with books |
//! | [`seed`] | migrates the database |
//! | [`administrator`] | creates the administrator |
//! | [`stack`] | brings up the servers and writes the `env` file |
//! | [`local_api`] | serves the whole API, rebuilt on change |

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this crate's purpose")]

pub mod administrator;
pub mod cache_users;
pub mod env_file;
pub mod environment;
pub mod error;
mod folder;
pub mod http;
pub mod local_api;
mod lock;
pub mod ports;
pub mod process;
pub mod process_spec;
mod programs;
mod random;
pub mod release;
pub mod sample_books;
pub mod seed;
pub mod servers;
pub mod settings;
pub mod signals;
pub mod stack;
pub mod tools;
mod user;
mod versions;
pub mod workspace;

pub use error::{Context, Error, Result};
