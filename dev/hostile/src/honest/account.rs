//! The steps of an honest client that concern its account.

use serde_json::json;
use testkit::Response;

use super::Honest;
use super::call::PATIENT;

/// How often the client tries to change its password in a session whose quota somebody else uses up.
const BEFORE_SIGNING_IN_ANEW: usize = 2;

impl Honest {
    /// Registers and signs in.
    pub(crate) async fn join(&mut self) {
        let body = json!({"username": self.ledger.name, "password": self.password});
        let key = self.random.token();
        let client = self.auth.clone();
        let answer = self
            .call("register", &client, PATIENT, |auth| {
                auth.post("/auth/register").header("idempotency-key", &key).json(&body)
            })
            .await;
        self.expect("register", &answer, &[201]);
        self.sign_in().await;
    }

    /// Signs in for the last time, to see that the last password counts, and signs out.
    pub(crate) async fn leave(&mut self) {
        self.sign_out().await;
        self.ledger.can_sign_in = self.sign_in().await;
        self.sign_out().await;
    }

    /// Whether the client is signed in now.
    pub(super) async fn sign_in(&mut self) -> bool {
        let (name, password) = (self.ledger.name.clone(), self.password.clone());
        let client = self.auth.clone();
        let form = [("grant_type", "password"), ("username", &*name), ("password", &*password)];
        let answer =
            self.call("sign in", &client, PATIENT, |auth| auth.post("/auth/login").form(&form)).await;
        self.ledger.uncertain_sign_ins += answer.unavailable;
        let Some(response) = self.expect("sign in", &answer, &[200]) else { return false };
        self.ledger.sign_ins += 1;
        self.take_tokens(&response);
        true
    }

    /// Exchanges the refresh token. After a 503 it may be used already; within the grace period that is forgiven.
    pub(super) async fn refresh(&mut self) {
        let (client, token) = (self.auth.clone(), self.refresh.clone());
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
        let answer =
            self.call("refresh", &client, PATIENT, |auth| auth.post("/auth/refresh").form(&form)).await;
        match self.expect("refresh", &answer, &[200]) {
            Some(response) => self.take_tokens(&response),
            // A session without tokens is of no use.
            None => drop(self.sign_in().await),
        }
    }

    pub(super) async fn show_me(&mut self) {
        let (client, token) = (self.auth.clone(), self.access.clone());
        let answer = self.call("me", &client, PATIENT, |auth| auth.get("/auth/me").bearer(&token)).await;
        self.expect("me", &answer, &[200]);
    }

    pub(super) async fn list_sessions(&mut self) {
        let (client, token) = (self.auth.clone(), self.access.clone());
        let answer =
            self.call("sessions", &client, PATIENT, |auth| auth.get("/auth/sessions").bearer(&token)).await;
        self.expect("sessions", &answer, &[200]);
    }

    /// Changes the password. Where a thief of the session uses its quota up, the client signs in anew, which gives it a
    /// quota of its own and, with the change, ends the stolen session.
    pub(super) async fn change_password(&mut self) {
        let new = format!("secret {} of {}", self.random.token(), self.number);
        if self.try_to_change_password(&new, BEFORE_SIGNING_IN_ANEW).await {
            return;
        }
        self.displaced += 1;
        if self.sign_in().await && !self.try_to_change_password(&new, PATIENT).await {
            self.operations.entry("change password").given_up += 1;
        }
    }

    /// Whether there is an answer.
    async fn try_to_change_password(&mut self, new: &str, attempts: usize) -> bool {
        let (client, token) = (self.auth.clone(), self.access.clone());
        let body = json!({"current_password": self.password, "new_password": new});
        let answer = self
            .call("change password", &client, attempts, |auth| {
                auth.post("/auth/password").bearer(&token).json(&body)
            })
            .await;
        let Some(response) = &answer.response else {
            if answer.unavailable > 0 {
                self.find_out_password(new).await;
                return true;
            }
            return false;
        };
        if response.status == 422 && answer.unavailable > 0 {
            self.find_out_password(new).await;
        } else if self.expect("change password", &answer, &[204]).is_some() {
            new.clone_into(&mut self.password);
            self.ledger.password_changes += 1;
        }
        true
    }

    /// After a 503 the password may have changed or not: one of the two signs in.
    async fn find_out_password(&mut self, new: &str) {
        let client = self.auth.clone();
        let name = self.ledger.name.clone();
        let form = [("username", &*name), ("password", new)];
        let answer =
            self.call("sign in", &client, PATIENT, |auth| auth.post("/auth/login").form(&form)).await;
        self.ledger.uncertain_sign_ins += answer.unavailable;
        match &answer.response {
            Some(response) if response.status == 200 => {
                self.operations.entry("sign in").succeeded += 1;
                self.ledger.sign_ins += 1;
                self.ledger.password_changes += 1;
                new.clone_into(&mut self.password);
                self.take_tokens(response);
            }
            _ => drop(self.sign_in().await),
        }
    }

    /// Signs out; from then on the access token is worth nothing.
    pub(super) async fn sign_out(&mut self) {
        let (client, token) = (self.auth.clone(), self.access.clone());
        let answer =
            self.call("sign out", &client, PATIENT, |auth| auth.post("/auth/logout").bearer(&token)).await;
        // Signed out by the attempt that was answered 503.
        let statuses: &[u16] = if answer.unavailable > 0 { &[204, 401] } else { &[204] };
        if self.expect("sign out", &answer, statuses).is_some() {
            let again = self
                .call("use an ended session", &client, PATIENT, |auth| {
                    auth.post("/auth/logout").bearer(&token)
                })
                .await;
            self.expect("use an ended session", &again, &[401]);
        }
    }

    fn take_tokens(&mut self, response: &Response) {
        let body = response.json();
        let token = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (self.access, self.refresh) = (token("access_token"), token("refresh_token"));
        if let Some(stolen) = &self.stolen {
            stolen.write(&self.access);
        }
    }
}
