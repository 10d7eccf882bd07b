//! What `RateLimit-Policy` and `RateLimit` tell (draft-ietf-httpapi-ratelimit-headers, Structured Fields).

use sfv::{List, ListEntry, Parser, StringRef};

use crate::response::Response;
use crate::verdict::NotPassed;

/// A quota as a response tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests in a window.
    pub quota: u64,
    /// The window, in seconds.
    pub window: u64,
    /// Requests that are left.
    pub remaining: u64,
    /// Seconds until one more may pass.
    pub reset: u64,
}

impl RateLimit {
    /// What the response tells of the quota `name`.
    pub fn of(response: &Response, name: &str) -> Result<Self, NotPassed> {
        let number = |header: &str, key: &str| {
            let value = response.need_header(header)?;
            let missing = || {
                NotPassed::Failed(format!(
                    "{}: expected `\"{name}\"` with `{key}` in `{header}`, got {value}",
                    response.request
                ))
            };
            parameter(value, name, key).ok_or_else(missing)
        };
        Ok(Self {
            quota: number("ratelimit-policy", "q")?,
            window: number("ratelimit-policy", "w")?,
            remaining: number("ratelimit", "r")?,
            reset: number("ratelimit", "t")?,
        })
    }

    /// Fails unless this is a 429 for the quota `name` that tells when to come back.
    pub fn expect_used_up(response: &Response, name: &str) -> Result<(), NotPassed> {
        let limit = Self::of(response.expect_problem(429)?, name)?;
        let wait = response.retry_after().unwrap_or_default().as_secs();
        let is_sound = limit.remaining == 0 && (1..=limit.window).contains(&wait);
        response.ensure(is_sound, "nothing left, and a Retry-After within the window")?;
        Ok(())
    }
}

/// A number of the item `name` in a list of Structured Fields.
fn parameter(header: &str, name: &str, key: &str) -> Option<u64> {
    let list = Parser::new(header).parse::<List>().ok()?;
    list.iter().find_map(|entry| {
        let ListEntry::Item(item) = entry else { return None };
        let is_named = item.bare_item.as_string().map(StringRef::as_str) == Some(name);
        let (_, value) = item.params.iter().find(|(parameter, _)| parameter.as_str() == key)?;
        value.as_integer().filter(|_| is_named).and_then(|number| i64::from(number).try_into().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn a_number_is_read_by_the_name_of_its_quota() {
        let header = "\"default\";q=100;w=60, \"ping\";q=5;w=10";
        assert_eq!(parameter(header, "ping", "q"), Some(5));
        assert_eq!(parameter(header, "default", "w"), Some(60));
        assert_eq!(parameter(header, "login", "q"), None);
        assert_eq!(parameter("ping;q=5", "ping", "q"), None);
        assert_eq!(parameter("nonsense;;", "ping", "q"), None);
    }
}
