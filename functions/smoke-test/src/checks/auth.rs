//! The public keys, and a sign-in of nobody: a statement, the scripts of limiter and lockout, and a hash. It leaves one
//! refusal in the security log, and counts against no account.

use serde_json::Value;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        method: "GET",
        path: "/.well-known/jwks.json",
        query: "",
        form: None,
        status: 200,
        is_right: has_keys,
    },
    Check {
        method: "POST",
        path: "/auth/login",
        query: "",
        form: Some(SIGN_IN),
        status: 400,
        is_right: |body| body["error"] == "invalid_grant",
    },
];

/// A sign-in with a name that no account can have, because it is too long.
const SIGN_IN: &str = "grant_type=password&password=there-is-none\
    &username=the-smoke-test-of-a-deployment-which-is-longer-than-a-name-may-be";

fn has_keys(body: &Value) -> bool {
    let is_key = |key: &Value| key["kty"].is_string() && key["kid"].is_string();
    body["keys"].as_array().is_some_and(|keys| !keys.is_empty() && keys.iter().all(is_key))
}

#[cfg(test)]
mod tests {
    use shared::identity::usernames::Username;
    use shared::validation::{FromField as _, Raw};

    use super::*;

    #[test]
    fn no_account_has_the_name_that_signs_in() {
        let name = SIGN_IN.split("username=").nth(1).unwrap();
        assert!(Username::from_field(Raw::Text(name.to_owned())).is_err());
        assert!(Username::from_field(Raw::Text(name[..50].to_owned())).is_ok(), "only its length is wrong");
    }
}
