//! An attacker: it sends requests at a steady rate until it is told to end, with a bounded number in flight.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use crate::honest::StolenToken;
use crate::pool::Pool;
use crate::tally::Tally;

/// The most shots of one attacker in flight. What would exceed it is not sent.
const IN_FLIGHT: usize = 8;

/// What attackers know and reach.
pub(crate) struct Targets {
    pub(crate) books: Pool,
    pub(crate) auth: Pool,
    pub(crate) stolen: StolenToken,
    /// The name of an honest client.
    pub(crate) victim: String,
}

type Shot = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One attacker.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Its part of all requests, of 100.
    share: u32,
    /// Requests in one shot.
    volley: u32,
    pub(crate) tally: Arc<Tally>,
    /// The most statements that a request costs which passes its quota, where that is known exactly.
    pub(crate) statements_admitted: Option<usize>,
    /// The most statements that a refused request may cost: one look at a primary key for a signed-in write.
    pub(crate) statements_refused: usize,
    /// The most requests that its quotas admit in a minute, where that is known.
    pub(crate) admitted_per_minute: Option<usize>,
    shoot: Box<dyn Fn(u64) -> Shot + Send + Sync>,
}

impl Attack {
    /// An attacker whose `shoot` sends one request and counts its response.
    pub(super) fn new<F>(
        name: &'static str,
        share: u32,
        shoot: impl Fn(u64, Arc<Tally>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tally = Arc::<Tally>::default();
        let shared = tally.clone();
        let shoot = move |number| -> Shot { Box::pin(shoot(number, shared.clone())) };
        Self {
            name,
            share,
            volley: 1,
            tally,
            statements_admitted: None,
            statements_refused: 0,
            admitted_per_minute: None,
            shoot: Box::new(shoot),
        }
    }

    /// The same with so many requests in each shot.
    pub(super) fn in_volleys(self, volley: usize) -> Self {
        Self { volley: u32::try_from(volley).unwrap_or(1), ..self }
    }

    /// The same with the number of statements that a request costs, admitted and refused.
    pub(super) fn costing(self, admitted: usize, refused: usize) -> Self {
        Self { statements_admitted: Some(admitted), statements_refused: refused, ..self }
    }

    /// The same with the number of requests that its quotas admit in a minute.
    pub(super) fn limited(self, admitted_per_minute: usize) -> Self {
        Self { admitted_per_minute: Some(admitted_per_minute), ..self }
    }

    /// Attacks until then beside the others, with this attacker's share of `rate` requests per second.
    pub(crate) async fn run(&self, rate: u32, until: Instant) {
        self.shoot_until(f64::from(rate) * f64::from(self.share) / 100.0, until).await;
    }

    /// Attacks until then alone, with `rate` requests per second.
    pub(crate) async fn run_alone(&self, rate: u32, until: Instant) {
        self.shoot_until(f64::from(rate), until).await;
    }

    async fn shoot_until(&self, requests_per_second: f64, until: Instant) {
        let mut ticks = interval(Duration::from_secs_f64(f64::from(self.volley) / requests_per_second));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut running = JoinSet::new();
        let mut number = 0;
        while timeout_at(until, ticks.tick()).await.is_ok() {
            while running.try_join_next().is_some() {}
            if running.len() < IN_FLIGHT {
                running.spawn((self.shoot)(number));
                number += 1;
            }
        }
        let _ = timeout(Duration::from_secs(40), running.join_all()).await;
    }
}

/// An address in a network of attackers; each attacker has a `block` of its own.
pub(super) fn address(block: u8, number: usize) -> String {
    format!("2001:db8:bad:{block:x}{:03x}::1", number % 0x1000)
}
