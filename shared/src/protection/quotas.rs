//! Every quota of the API. A route names one of these constants, once; its variable is read because it is in [`ALL`].

use super::quota::{MINUTE, Outage, Quota};

/// Every route without a quota of its own: 100 requests per minute and network, over all functions together.
pub const DEFAULT: Quota = Quota::new("default", 100).per(MINUTE);

/// Sign-ins: 20 per minute and network, since each may cost a password hash. Uncounted while Redis is unavailable:
/// then Postgres counts wrong guesses.
pub const LOGIN: Quota = Quota::new("login", 20).per(MINUTE);

/// Registrations: 10 per minute and network. Each costs a password hash and a row, so none is served uncounted.
pub const REGISTER: Quota = Quota::new("register", 10).per(MINUTE).on_outage(Outage::Refuse);

/// Password changes: 5 per minute and session. Each costs two password hashes, so none is served uncounted.
pub const PASSWORD: Quota = Quota::new("password", 5).per(MINUTE).on_outage(Outage::Refuse);

/// The relaxed playground, to watch a quota run out and come back: 5 requests per 10 seconds and network.
pub const PING: Quota = Quota::new("ping", 5).per(std::time::Duration::from_secs(10));

/// The strict playground, as a login would be: 3 requests per minute and network.
pub const LOGIN_SIM: Quota = Quota::new("login_sim", 3).per(MINUTE);

/// Guesses at the demo's password: as many as [`DEFAULT`] admits, but counted apart from it. So `bf-demo`, which exists
/// to be attacked, needs no access to the counts of the other functions.
pub const DEMO_LOGIN: Quota = Quota::new("demo_login", 100).per(MINUTE);

/// Looks at what a demo keeps of its caller: 300 per minute and network, over both demos. Apart from what is looked at,
/// which looking must not change, and large enough for a page that looks every second on several screens.
pub const DEMO_STATE: Quota = Quota::new("demo_state", 300).per(MINUTE);

/// The whole table.
pub const ALL: &[Quota] = &[DEFAULT, LOGIN, REGISTER, PASSWORD, PING, LOGIN_SIM, DEMO_LOGIN, DEMO_STATE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_quota_once() {
        let declared = include_str!("quotas.rs").lines().filter(|line| line.contains(": Quota = "));
        assert_eq!(declared.count(), ALL.len() + 1, "this test has the words once more");
        for quota in ALL {
            assert_eq!(ALL.iter().filter(|other| other.name == quota.name).count(), 1, "{}", quota.name);
        }
    }
}
