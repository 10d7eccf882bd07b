//! Modules that the tests share. They contain no tests.

pub(crate) mod clients;
pub(crate) mod fake_aws;
pub(crate) mod locks;
pub(crate) mod migrations;
pub(crate) mod moto;
pub(crate) mod not_run;
pub(crate) mod page_cache;
pub(crate) mod postgres_messages;
pub(crate) mod process_log;
pub(crate) mod redis_keys;
pub(crate) mod redis_monitor;
pub(crate) mod responses;
pub(crate) mod round_trips;
pub(crate) mod tasks;
