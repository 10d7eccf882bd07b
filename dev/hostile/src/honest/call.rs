//! One call of an honest client, repeated as long as it is told when to come back.

use testkit::{Client, RequestBuilder, Response};
use tokio::time::{Instant, sleep};

use super::Honest;

/// How often a call is repeated before it is given up.
pub(super) const PATIENT: usize = 10;

/// What of a body is written down.
const EXCERPT: usize = 300;

/// The end of a call.
pub(super) struct Answer {
    /// The last response; `None` if the call was given up, or the function failed.
    pub(super) response: Option<Response>,
    /// How many times it was answered 503 before, after which what was asked for may have happened all the same.
    pub(super) unavailable: usize,
}

impl Honest {
    /// Sends a request, and sends it again when it was told to, up to `attempts` times in all.
    pub(super) async fn call(
        &mut self,
        operation: &'static str,
        client: &Client,
        attempts: usize,
        request: impl Fn(&Client) -> RequestBuilder<'_>,
    ) -> Answer {
        let mut unavailable = 0;
        for _ in 0..attempts {
            let began = Instant::now();
            let sent = request(client).try_send().await;
            let entry = self.operations.entry(operation);
            entry.latencies.push(began.elapsed());
            let response = match sent {
                Ok(response) => response,
                Err(failure) => {
                    self.faults.push(format!("{}: {operation}: {failure}", self.ledger.name));
                    return Answer { response: None, unavailable };
                }
            };
            let is_temporary = matches!(response.status, 409 | 429 | 503);
            let Some(wait) = response.retry_after().filter(|_| is_temporary) else {
                return Answer { response: Some(response), unavailable };
            };
            *entry.told.entry(response.status).or_default() += 1;
            unavailable += usize::from(response.status == 503);
            sleep(wait).await;
        }
        Answer { response: None, unavailable }
    }

    /// The response, if it has one of these statuses. Otherwise it is a fault, or the call was given up.
    pub(super) fn expect(
        &mut self,
        operation: &'static str,
        answer: &Answer,
        statuses: &[u16],
    ) -> Option<Response> {
        let entry = self.operations.entry(operation);
        match &answer.response {
            Some(response) if statuses.contains(&response.status) => {
                entry.succeeded += 1;
                return Some(response.clone());
            }
            Some(response) => self.fail(operation, response),
            None => entry.given_up += 1,
        }
        None
    }

    /// Writes a response down that the client must not get.
    pub(super) fn fail(&mut self, operation: &'static str, response: &Response) {
        let body: String = response.text().chars().take(EXCERPT).collect();
        self.faults.push(format!("{}: {operation}: {} {body}", self.ledger.name, response.status));
    }
}
