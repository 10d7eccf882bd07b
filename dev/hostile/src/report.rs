//! The report of a run, as Markdown.

use std::fmt::Write as _;
use std::time::Duration;
use std::{fs, thread};

use crate::fixture::{BOOKS, CLIENTS, ENVIRONMENTS};
use crate::options::Options;
use crate::run::Outcome;
use crate::tally::{Operation, quantile};
use crate::verdict;

/// The most lines of a list of faults.
const LISTED: usize = 40;

/// The whole report. `faults` is empty if the run passed.
pub(crate) fn markdown(options: &Options, outcome: &Outcome, faults: &[String]) -> String {
    let mut text = heading(options, faults);
    honest_clients(&mut text, outcome);
    attackers(&mut text, options, outcome);
    refused_requests(&mut text, outcome);
    stores(&mut text, options, outcome);
    committed(&mut text, outcome);
    functions(&mut text, outcome);
    if !faults.is_empty() {
        text.push_str("\n### Faults\n\n");
        for fault in faults.iter().take(LISTED) {
            let _ = writeln!(text, "- {fault}");
        }
        if faults.len() > LISTED {
            let _ = writeln!(text, "- and {} more", faults.len() - LISTED);
        }
    }
    text
}

fn heading(options: &Options, faults: &[String]) -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(": ")?.1.to_owned())
    });
    let (books, auth) = ENVIRONMENTS;
    let verdict = if faults.is_empty() { "passed".to_owned() } else { format!("{} faults", faults.len()) };
    format!(
        "Attack of {} min at most {} requests/s, {CLIENTS} honest clients, {BOOKS} books, {books} environments of \
         `books` and {auth} of `auth` (development profile), stores, attackers and clients on one machine: {cores} \
         cores{}. Result: **{verdict}**.\n",
        options.minutes,
        options.rate,
        processor.map(|name| format!(", {name}")).unwrap_or_default(),
    )
}

fn honest_clients(text: &mut String, outcome: &Outcome) {
    text.push_str(
        "\n### Honest clients\n\n| operation | asked | succeeded | told to wait, and waited | given up | median ms, \
         quiet | median ms | p99 ms, quiet | p99 ms |\n|---|--:|--:|---|--:|--:|--:|--:|--:|\n",
    );
    let nothing = Operation::default();
    for (name, operation) in &outcome.hostile.0 {
        let quiet = outcome.quiet.0.get(name).unwrap_or(&nothing);
        let told: Vec<_> =
            operation.told.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} |",
            operation.latencies.len(),
            operation.succeeded,
            if told.is_empty() { "–".to_owned() } else { told.join(", ") },
            operation.given_up,
            latencies(&quiet.latencies, &operation.latencies),
        );
    }
    let sum = |of: fn(&Operation) -> usize| outcome.hostile.0.values().map(of).sum::<usize>();
    let _ = writeln!(
        text,
        "| **all** | {} | {} | {} | {} | {} |",
        sum(|operation| operation.latencies.len()),
        sum(|operation| operation.succeeded),
        sum(|operation| operation.told.values().sum()),
        sum(|operation| operation.given_up),
        latencies(&outcome.quiet.latencies(), &outcome.hostile.latencies()),
    );
    let _ = writeln!(
        text,
        "\nAnswers that they must not get: {}. Lists older than a committed write: {}. Password changes that a thief \
         held up until their owner signed in anew: {}.",
        outcome.honest_faults.len(),
        outcome.stale.len(),
        outcome.displaced,
    );
}

/// Four cells: the medians and the p99 of both, in ms.
fn latencies(quiet: &[Duration], hostile: &[Duration]) -> String {
    let cell = |values: &[Duration], share| {
        quantile(values, share).map_or("–".to_owned(), |value| format!("{:.1}", value.as_secs_f64() * 1e3))
    };
    let cells = [(quiet, 0.5), (hostile, 0.5), (quiet, 0.99), (hostile, 0.99)];
    cells.map(|(values, share)| cell(values, share)).join(" | ")
}

fn attackers(text: &mut String, options: &Options, outcome: &Outcome) {
    text.push_str(
        "\n### Attackers\n\n| attacker | sent | admitted | its quotas admit, at most | refused (429) | told 503 | \
         answers |\n|---|--:|--:|--:|--:|--:|---|\n",
    );
    let minutes = usize::try_from(options.minutes).unwrap_or(usize::MAX);
    for attacker in &outcome.attackers {
        let counts = &attacker.counts;
        let answers: Vec<_> =
            counts.statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            attacker.name,
            counts.sent(),
            counts.admitted(),
            verdict::most_admitted(attacker, minutes).map_or("–".to_owned(), |most| most.to_string()),
            counts.refused(),
            counts.unavailable(),
            answers.join(", "),
        );
    }
    let guesses: Vec<_> =
        outcome.findings.guesses.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let _ = writeln!(
        text,
        "\nSign-ins and password changes in the security log, those of honest clients included: {} (`locked` ones cost \
         no hash).",
        guesses.join(", "),
    );
}

fn refused_requests(text: &mut String, outcome: &Outcome) {
    text.push_str(
        "\nWhat refused requests cost in Postgres, found out by attacking once more, one attacker at a time:\n\n\
         | attacker | admitted | refused | statements | of these for admitted ones, at most | for refused ones | \
         allowed |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for cost in &outcome.costs {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            cost.name,
            cost.counts.admitted(),
            cost.counts.refused(),
            cost.transactions,
            cost.of_admitted,
            cost.of_refused(),
            cost.allowed_for_refused,
        );
    }
}

fn stores(text: &mut String, options: &Options, outcome: &Outcome) {
    text.push_str("\n### Stores\n\n| what | held | bound |\n|---|--:|--:|\n");
    let minutes = usize::try_from(options.minutes).unwrap_or(usize::MAX);
    for bound in verdict::bounds(outcome, minutes) {
        let _ = writeln!(text, "| {} | {} | {} |", bound.what, bound.held, bound.most);
    }
    let (quiet, hostile) = (&outcome.watched_quiet, &outcome.watched_hostile);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |watched: &crate::stores::Watched| watched.transactions as f64 / watched.seconds.max(1.0);
    let kinds: Vec<_> =
        hostile.keys_by_kind.iter().map(|(kind, count)| format!("{count} `{kind}`")).collect();
    let _ = writeln!(
        text,
        "\nRedis used {:.1} MiB at most, {:.1} MiB in the quiet run; at most {} keys at once. The most of each kind: \
         {}. Postgres ran {:.0} transactions per second (nearly all of one statement), {:.0} in the quiet run, over at \
         most {} connections.",
        mebibytes(hostile.redis_bytes),
        mebibytes(quiet.redis_bytes),
        hostile.redis_keys,
        kinds.join(", "),
        rate(hostile),
        rate(quiet),
        hostile.connections,
    );
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

fn committed(text: &mut String, outcome: &Outcome) {
    let sum = |of: fn(&crate::ledger::Ledger) -> usize| outcome.ledgers.iter().map(of).sum::<usize>();
    let _ = writeln!(
        text,
        "\n### What was committed\n\nThe honest clients were told of {} new books ({} with an idempotency key, {} of \
         those sent more than once), {} changed ones, {} sign-ins and {} changes of password. {} of these were \
         compared with the database in their last state: **{} lost, {} doubled**.",
        sum(crate::ledger::Ledger::acknowledged),
        sum(|ledger| ledger.keyed),
        sum(|ledger| ledger.repeated),
        sum(|ledger| ledger.updates),
        sum(|ledger| ledger.sign_ins),
        sum(|ledger| ledger.password_changes),
        outcome.verification.compared,
        outcome.verification.lost.len(),
        outcome.verification.doubled.len(),
    );
}

fn functions(text: &mut String, outcome: &Outcome) {
    let faults: usize =
        outcome.pools.iter().flat_map(|pool| pool.faults().into_values()).map(|fault| fault.count).sum();
    let metrics: Vec<_> =
        outcome.findings.metrics.iter().map(|(name, count)| format!("{count} `{name}`")).collect();
    let _ = writeln!(
        text,
        "\n### Functions\n\nFunction errors and statuses of 500 or more other than a told 503: {faults}. Panics: {}. \
         Metrics: {}.",
        outcome.findings.panics,
        if metrics.is_empty() { "none".to_owned() } else { metrics.join(", ") },
    );
    if !outcome.findings.complaints.is_empty() {
        text.push_str("\nWarnings and errors in the log:\n\n");
    }
    for (complaint, count) in &outcome.findings.complaints {
        let _ = writeln!(text, "- {count} × {complaint}");
    }
}

/// The first events of each kind of fault, each with its answer.
pub(crate) fn examples(outcome: &Outcome) -> String {
    let mut text = String::new();
    for pool in &outcome.pools {
        for (kind, fault) in pool.faults() {
            for example in fault.examples {
                let _ = writeln!(text, "{}: {kind}\n{example}\n", pool.function());
            }
        }
    }
    text
}
