//! Several execution environments of one function, as Lambda has under load.
//!
//! A request goes to the environment with the fewest events in flight, as Lambda sends it to one that is free; an
//! attacker may also choose one. Whoever asks, every answer is checked here: a function error, a status of 500 or more
//! other than a 503 that tells when to come back, or no answer at all is a fault of the run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use stack::Result;
use stack::environment::{ExecutionEnvironment, Failure};
use testkit::{Client, Invocation, Invoke};
use tokio::time::timeout;

/// How long API Gateway waits for a function.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// The most faults of one kind that are written down with their event.
const EXAMPLES: usize = 20;

/// What is written down of an event or an answer, in characters.
const EXCERPT: usize = 4_000;

/// The environments of one function. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    function: &'static str,
    members: Vec<Member>,
    next: AtomicUsize,
    faults: Mutex<BTreeMap<String, Fault>>,
}

struct Member {
    environment: ExecutionEnvironment,
    in_flight: AtomicUsize,
}

/// Answers of one kind that no event may get.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    pub(crate) count: usize,
    /// The first events, each with its answer.
    pub(crate) examples: Vec<String>,
}

/// One environment of a pool.
struct One(Pool, usize);

impl Pool {
    /// Starts so many environments of `function`.
    pub(crate) async fn start(
        function: &'static str,
        size: usize,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut members = Vec::new();
        for _ in 0..size {
            let environment = ExecutionEnvironment::start(function, variables).await?;
            members.push(Member { environment, in_flight: AtomicUsize::new(0) });
        }
        Ok(Self(Arc::new(Inner { function, members, next: AtomicUsize::new(0), faults: Mutex::default() })))
    }

    /// A client whose requests go to whichever environment is free.
    pub(crate) fn client(&self, ip: &str) -> Client {
        Client::of(self.clone()).from_ip(ip)
    }

    /// A client for each environment, all with the address `ip`.
    pub(crate) fn clients_of_each(&self, ip: &str) -> Vec<Client> {
        (0..self.size()).map(|index| Client::of(One(self.clone(), index)).from_ip(ip)).collect()
    }

    pub(crate) fn size(&self) -> usize {
        self.0.members.len()
    }

    /// The name of the function.
    pub(crate) fn function(&self) -> &'static str {
        self.0.function
    }

    /// How many environments have not ended.
    pub(crate) fn alive(&self) -> usize {
        self.0.members.iter().filter(|member| member.environment.is_alive()).count()
    }

    /// Everything that the environments have logged.
    pub(crate) fn log(&self) -> String {
        self.0.members.iter().map(|member| member.environment.log()).collect()
    }

    /// The faults so far, by kind.
    pub(crate) fn faults(&self) -> BTreeMap<String, Fault> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn least_busy(&self) -> usize {
        let first = self.0.next.fetch_add(1, Ordering::Relaxed);
        let members = &self.0.members;
        let indices = (0..members.len()).map(|step| (first + step) % members.len());
        indices.min_by_key(|index| members[*index].in_flight.load(Ordering::Relaxed)).unwrap_or_default()
    }

    async fn ask(&self, index: usize, event: &str) -> Result<Value, Failure> {
        let Member { environment, in_flight } = &self.0.members[index];
        in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = timeout(LONGEST_ANSWER, environment.invoke(event)).await;
        in_flight.fetch_sub(1, Ordering::Relaxed);
        let answer = answer.unwrap_or_else(|_| Err(Failure::here("no answer within 30 s")));
        if let Some(kind) = fault_in(&answer) {
            let mut faults = self.0.faults.lock().unwrap_or_else(PoisonError::into_inner);
            let fault = faults.entry(kind).or_default();
            fault.count += 1;
            if fault.examples.len() < EXAMPLES {
                let answer = answer.as_ref().map_or_else(ToString::to_string, Value::to_string);
                fault.examples.push(format!("{}\n{}", excerpt(event), excerpt(&answer)));
            }
        }
        answer
    }
}

/// What is wrong with an answer, if anything is.
fn fault_in(answer: &Result<Value, Failure>) -> Option<String> {
    match answer {
        Err(failure) => Some(format!("function error: {}", failure.error_type)),
        Ok(answer) => match answer["statusCode"].as_u64() {
            Some(503) if answer["headers"]["retry-after"].is_string() => None,
            Some(200..500) => None,
            status => Some(format!("status {}", status.unwrap_or_default())),
        },
    }
}

fn excerpt(text: &str) -> String {
    if text.chars().count() <= EXCERPT {
        return text.to_owned();
    }
    text.chars().take(EXCERPT).chain(['…']).collect()
}

impl Invoke for Pool {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(self.ask(self.least_busy(), event))
    }
}

impl Invoke for One {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(self.0.ask(self.1, event))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_told_503_is_a_server_error_without_fault() {
        let fault =
            |status: u16, headers: Value| fault_in(&Ok(json!({"statusCode": status, "headers": headers})));
        assert_eq!(fault(503, json!({"retry-after": "1"})), None);
        assert_eq!(fault(503, json!({})).as_deref(), Some("status 503"));
        assert_eq!(fault(500, json!({"retry-after": "1"})).as_deref(), Some("status 500"));
        for status in [200, 204, 400, 429, 499] {
            assert_eq!(fault(status, json!({})), None);
        }
        assert!(fault_in(&Ok(json!({}))).is_some());
        assert!(fault_in(&Err(Failure::here("x"))).is_some());
    }
}
