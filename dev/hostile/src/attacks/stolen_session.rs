//! A thief with the access token of an honest client, who sends junk and guesses to `POST /auth/password`.
//!
//! Requests there count by session. The thief always has the newest token, so it uses up the quota of the session
//! that its owner is in.

use std::sync::Arc;

use serde_json::json;

use super::attack::{Attack, Targets, address};
use crate::random::Random;

/// Networks of the thief.
const NETWORKS: usize = 50;

pub(super) fn attack(targets: &Arc<Targets>) -> Attack {
    let (targets, random) = (targets.clone(), Arc::new(Random::new(5)));
    Attack::new("junk with a stolen token", 8, move |number, tally| {
        let ip = address(0x1, random.below(NETWORKS));
        let (client, token) = (targets.auth.client(&ip), targets.stolen.read());
        let guess = json!({"current_password": random.token(), "new_password": "the secret of the thief"});
        async move {
            let request = client.post("/auth/password").bearer(&token);
            let request = match number % 4 {
                0 => request.header("content-type", "application/json").body("{\"current_password\": "),
                1 => request.header("content-type", "application/json").body(&"[".repeat(60_000)),
                2 => request.header("content-type", "text/plain").body("x"),
                _ => request.json(&guess),
            };
            tally.count(&request.try_send().await);
        }
    })
    // The session, and the credentials of its user.
    .costing(2, 0)
}
