//! The log: one JSON object a line on standard output, where Lambda collects it.
//!
//! [`start`] decides by level and target which events are logged, and the log's lines carry the [`request_span`] that
//! they were logged in. [`metrics`] counts what alarms look at.

mod json_format;
pub mod metrics;

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Env, Error};
pub use json_format::JsonFormat;

/// The target of security events, which are logged at every level.
pub const SECURITY: &str = "security";

/// Libraries, by the beginnings of their names, that would log secrets below the level `info`: whole events with
/// passwords and tokens, or the input of a signature.
const VERBOSE_LIBRARIES: [&str; 9] =
    ["lambda_runtime", "lambda_http", "tokio_postgres", "redis", "hyper", "tower", "aws_", "h2", "rustls"];

/// Starts logging at the level of `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`, `off`; default `info`).
///
/// A second call changes nothing, so that tests may call it freely.
pub fn start(env: &Env) -> Result<(), Error> {
    let _ = tracing_subscriber::registry().with(filter(env)?).with(format()).try_init();
    Ok(())
}

/// The span of one request, which all its log lines carry, security events at any level included: the request's id, the
/// id of its trace in the tracing header `xray` if there is one, and `cold_start` if it is the first one of this
/// process.
pub fn request_span(id: &str, xray: Option<&str>) -> Span {
    static COLD: AtomicBool = AtomicBool::new(true);
    let cold_start = COLD.swap(false, Ordering::Relaxed).then_some(true);
    let trace_id = xray.and_then(trace_id);
    tracing::info_span!(target: SECURITY, "request", request_id = id, trace_id, cold_start)
}

/// The id of the trace in a tracing header of X-Ray, `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1`. A
/// client may have written it, so what is no id is left out of the log.
fn trace_id(header: &str) -> Option<&str> {
    let root = header.split(';').find_map(|field| field.trim().strip_prefix("Root="))?;
    let is_id = root.len() == 35 && root.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then_some(root)
}

fn filter(env: &Env) -> Result<Targets, Error> {
    const NAME: &str = "LOG_LEVEL";
    let level: LevelFilter = match env.optional(NAME) {
        None => LevelFilter::INFO,
        Some(text) => text
            .parse()
            .map_err(|_| Error::invalid(NAME, "is not one of error, warn, info, debug, trace and off"))?,
    };
    let quiet = VERBOSE_LIBRARIES.map(|library| (library, level.min(LevelFilter::INFO)));
    Ok(Targets::new().with_default(level).with_targets(quiet).with_target(SECURITY, LevelFilter::INFO))
}

fn format<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer().fmt_fields(JsonFormat).event_format(JsonFormat)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn enables(level: &str, target: &str, event: Level) -> bool {
        filter(&Env::of([("LOG_LEVEL", level)])).unwrap().would_enable(target, &event)
    }

    #[test]
    fn security_events_are_logged_at_every_level() {
        for level in ["off", "error", "warn", "info", "trace"] {
            assert!(enables(level, SECURITY, Level::INFO), "{level}");
        }
    }

    #[test]
    fn no_level_makes_libraries_log_what_they_carry() {
        assert!(enables("trace", "auth::login", Level::TRACE));
        for library in VERBOSE_LIBRARIES {
            assert!(!enables("trace", &format!("{library}::runtime"), Level::DEBUG), "{library}");
            assert!(!enables("error", library, Level::WARN), "{library}");
        }
    }

    #[test]
    fn a_level_that_is_none_is_named_in_words() {
        let error = filter(&Env::of([("LOG_LEVEL", "loud")])).unwrap_err();
        assert_eq!(error.to_string(), "LOG_LEVEL is not one of error, warn, info, debug, trace and off");
    }
}
