//! A quota: how many requests one client may make in a window of time. The table of all quotas is in
//! [`quotas`](super::quotas), and the [`limiter`](super::limiter) counts against them.

use std::time::Duration;

use crate::config::{Env, Error};

/// One second, to read quotas aloud.
pub const SECOND: Duration = Duration::from_secs(1);
/// One minute.
pub const MINUTE: Duration = Duration::from_mins(1);

/// The prefix of the variables that override quotas.
const VARIABLE_PREFIX: &str = "RATE_LIMIT_";

/// How many requests one client may make in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Names the quota in headers, keys and, in upper case, in the variable `RATE_LIMIT_<NAME>`.
    pub name: &'static str,
    /// Requests per window, 1 to 10,000.
    pub limit: u32,
    /// The window, whole seconds from 1 s to a day.
    pub window: Duration,
    /// What happens while Redis gives no answer.
    pub outage: Outage,
}

/// The behaviour of a quota while Redis gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Requests pass uncounted: being open matters more than being exact.
    Admit,
    /// Requests get a 503: what the quota protects is worth more than being open.
    Refuse,
}

impl Quota {
    /// A quota of `limit` requests per minute that admits during an outage.
    #[must_use]
    pub const fn new(name: &'static str, limit: u32) -> Self {
        Self { name, limit, window: MINUTE, outage: Outage::Admit }
    }

    /// The same number of requests in another window, 1 s to a day.
    #[must_use]
    pub const fn per(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// The same quota with another [`Outage`].
    #[must_use]
    pub const fn on_outage(self, outage: Outage) -> Self {
        Self { outage, ..self }
    }

    /// The name of the variable that overrides this quota.
    #[must_use]
    pub fn variable(self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_uppercase())
    }

    /// This quota with the count and the window of its variable, written as `n/seconds`, where that is set.
    fn overridden(self, env: &Env) -> Result<Self, Error> {
        let variable = self.variable();
        let Some(text) = env.optional(&variable) else { return Ok(self) };
        let parts = text.split_once('/').map(|(n, seconds)| (n.parse::<u32>(), seconds.parse::<u32>()));
        match parts {
            Some((Ok(limit @ 1..=10_000), Ok(seconds @ 1..=86_400))) => {
                Ok(Self { limit, ..self.per(SECOND * seconds) })
            }
            _ => Err(Error::invalid(&variable, "must be n/seconds, as in 100/60: 1 to 10000 in 1 to 86400")),
        }
    }
}

/// The quotas of `table` with the overrides of the variables `RATE_LIMIT_<NAME>`. Such a variable without a quota is an
/// error, since its author believes that it changes something.
pub(super) fn overridden(table: &[Quota], env: &Env) -> Result<Vec<Quota>, Error> {
    let is_known = |variable: &str| table.iter().any(|quota| quota.variable() == variable);
    if let Some(unknown) = env.names_starting_with(VARIABLE_PREFIX).into_iter().find(|name| !is_known(name)) {
        return Err(Error::invalid(unknown, "is for no quota of this API"));
    }
    table.iter().map(|quota| quota.overridden(env)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Quota = Quota::new("login", 10).per(MINUTE).on_outage(Outage::Refuse);

    #[test]
    fn a_variable_overrides_count_and_window_only() {
        let env = Env::of([("RATE_LIMIT_LOGIN", "3/5")]);
        let quota = LOGIN.overridden(&env).unwrap();
        assert_eq!(quota, Quota { limit: 3, window: 5 * SECOND, ..LOGIN });
    }

    #[test]
    fn an_unreadable_override_ends_the_start() {
        for text in ["10", "0/60", "10/0", "10/60/1", "-1/60", "10/1.5", "99999999999/60"] {
            let env = Env::of([("RATE_LIMIT_LOGIN", text)]);
            assert!(LOGIN.overridden(&env).is_err(), "{text}");
        }
    }

    #[test]
    fn a_variable_for_no_quota_ends_the_start() {
        let env = Env::of([("RATE_LIMIT_LOGIN", "3/5"), ("RATE_LIMIT_LOGINS", "3/5")]);
        assert_eq!(
            overridden(&[LOGIN], &env).unwrap_err().to_string(),
            "RATE_LIMIT_LOGINS is for no quota of this API"
        );
        assert!(
            overridden(&[LOGIN], &Env::of([("RATE_LIMIT_LOGINS", "")])).is_ok(),
            "empty is as good as not set"
        );
    }
}
