//! The bounds of a run, and what was wrong with it.

use crate::fixture::{BOOKS, CLIENTS, ENVIRONMENTS};
use crate::run::{Attacker, Outcome};

/// Pages of lists take 128 MiB at most (`shared/src/cache/entries.rs`), and this is for all else: counts and locks.
pub(crate) const REDIS_BYTES: u64 = (128 + 48) * 1024 * 1024;

/// An environment has one connection, and another one while it replaces that.
pub(crate) const CONNECTIONS: usize = 2 * (ENVIRONMENTS.0 + ENVIRONMENTS.1);

/// The largest item in `DynamoDB`: no answer over 8 KiB is stored, and its record has some more attributes.
pub(crate) const ITEM_BYTES: usize = 10 * 1024;

/// The user who seeds the stack, and the attacker with an account.
const OTHER_USERS: usize = 2;

/// The most sign-ins of the attacker with an account: one every eight minutes.
const MINUTES_PER_SIGN_IN: usize = 8;

/// A bound for something that a store holds.
pub(crate) struct Bound {
    pub(crate) what: String,
    pub(crate) held: u64,
    pub(crate) most: u64,
}

/// Everything that is bounded.
pub(crate) fn bounds(outcome: &Outcome, minutes: usize) -> Vec<Bound> {
    let sum = |of: fn(&crate::ledger::Ledger) -> usize| outcome.ledgers.iter().map(of).sum::<usize>();
    let sign_ins = sum(|ledger| ledger.sign_ins + ledger.uncertain_sign_ins);
    let refreshes = outcome.quiet.0.get("refresh").into_iter().chain(outcome.hostile.0.get("refresh"));
    let refreshes: usize = refreshes.map(|refresh| refresh.latencies.len()).sum();
    // Recorded events register and sign in too, as odd as they are made.
    let odd = |statuses: &[u16]| -> usize {
        let odd = outcome.attackers.iter().filter(|attacker| attacker.name == "odd events");
        odd.flat_map(|attacker| statuses.iter().map(|status| attacker.counts.of(*status))).sum()
    };
    let others = OTHER_USERS + minutes / MINUTES_PER_SIGN_IN + 1 + odd(&[200, 503]);
    let keyed = sum(|ledger| ledger.keyed) + CLIENTS + odd(&[201, 503]);
    let rows = [
        ("books", BOOKS + sum(|ledger| ledger.creations.len())),
        ("users", CLIENTS + OTHER_USERS + odd(&[201, 503])),
        ("sessions", sign_ins + others),
        ("refresh_tokens", sign_ins + refreshes + others),
        ("idempotent_writes", keyed),
        (
            "login_guesses",
            usize::try_from(outcome.findings.metric("FallbackGuesses")).unwrap_or(usize::MAX) * 3,
        ),
        ("pending_invalidations", 1),
    ];
    let floods = outcome.attackers.iter().filter(|attacker| attacker.name.starts_with("keyed"));
    let floods: usize = floods.map(|Attacker { counts, .. }| counts.admitted() + counts.unavailable()).sum();
    let probes = outcome.costs.iter().filter(|cost| cost.name.starts_with("keyed"));
    let probes: usize = probes.map(|cost| cost.counts.admitted() + cost.counts.unavailable()).sum();
    // An odd event with a key may be answered with anything, and stored.
    let odd_keyed = outcome.attackers.iter().filter(|attacker| attacker.name == "odd events");
    let odd_keyed: usize = odd_keyed.map(|attacker| attacker.counts.admitted()).sum();
    let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let bound = |what: &str, held, most| Bound { what: what.to_owned(), held, most };
    let mut bounds = vec![
        bound("Redis: bytes", outcome.watched_hostile.redis_bytes, REDIS_BYTES),
        bound("Postgres: connections", size(outcome.watched_hostile.connections), size(CONNECTIONS)),
        bound("DynamoDB: items", size(outcome.contents.items), size(keyed + floods + probes + odd_keyed)),
        bound("DynamoDB: bytes of the largest item", size(outcome.contents.largest_item), size(ITEM_BYTES)),
    ];
    bounds.extend(rows.map(|(table, most)| {
        let held = outcome.contents.rows.get(table).copied().unwrap_or_default();
        bound(&format!("Postgres: rows of `{table}`"), u64::try_from(held).unwrap_or_default(), size(most))
    }));
    bounds
}

/// Everything that was wrong, in words; empty if the run passed.
pub(crate) fn faults(outcome: &Outcome, minutes: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for pool in &outcome.pools {
        let function = pool.function();
        for (kind, fault) in pool.faults() {
            faults.push(format!("{function}: {kind}, {} times", fault.count));
        }
        if pool.alive() < pool.size() {
            faults.push(format!("{function}: {} of {} environments are alive", pool.alive(), pool.size()));
        }
    }
    if outcome.findings.panics > 0 {
        faults.push(format!("{} panics", outcome.findings.panics));
    }
    let lists = [
        ("an honest client got", &outcome.honest_faults),
        ("lost", &outcome.verification.lost),
        ("doubled", &outcome.verification.doubled),
    ];
    for (what, list) in lists {
        faults.extend(list.iter().map(|entry| format!("{what}: {entry}")));
    }
    let unserved = outcome.hostile.0.iter().filter(|(_, operation)| operation.succeeded == 0);
    faults.extend(unserved.map(|(name, _)| format!("no honest client succeeded with: {name}")));
    // A page may be 30 s old if its invalidation failed, which is counted.
    if outcome.findings.metric("FailedInvalidations") == 0 {
        faults.extend(outcome.stale.iter().map(|entry| format!("a stale list: {entry}")));
    }
    for bound in bounds(outcome, minutes).iter().filter(|bound| bound.held > bound.most) {
        faults.push(format!("{}: {} for at most {}", bound.what, bound.held, bound.most));
    }
    faults.extend(outcome.attackers.iter().filter_map(|attacker| too_many(attacker, outcome, minutes)));
    for cost in outcome.costs.iter().filter(|cost| cost.is_too_high()) {
        let (statements, most) = (cost.of_refused(), cost.allowed_for_refused);
        faults.push(format!("{}: {statements} statements for refused requests, at most {most}", cost.name));
    }
    faults
}

/// The most requests of an attacker that its quotas may have admitted, where that is known: any window of a minute
/// holds what they admit, and the attack begins and ends within one.
pub(crate) fn most_admitted(attacker: &Attacker, minutes: usize) -> Option<usize> {
    Some(attacker.admitted_per_minute? * (minutes + 1))
}

/// Says that an attacker got past its quotas. While Redis gives no answer, callers pass uncounted, and that is counted.
fn too_many(attacker: &Attacker, outcome: &Outcome, minutes: usize) -> Option<String> {
    let uncounted = usize::try_from(outcome.findings.metric("UncountedRequests")).unwrap_or(usize::MAX);
    let most = most_admitted(attacker, minutes)?;
    let (name, admitted) = (attacker.name, attacker.counts.admitted() + attacker.counts.unavailable());
    (admitted > most + uncounted).then(|| format!("{name}: {admitted} admitted, at most {most} may be"))
}
