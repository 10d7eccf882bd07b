//! Contestants measured in turns: in each round every one once, so that a slow moment of the machine strikes all alike.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    time::{Duration, Instant},
};

use tokio::task::{block_in_place, yield_now};

use super::{driver::Invocation, statistics::Summary};
use stack::{Error, Result};

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) wall: Duration,
    pub(super) cpu: Option<Duration>,
}

impl From<Duration> for Sample {
    fn from(wall: Duration) -> Self {
        Self { wall, cpu: None }
    }
}

impl Sample {
    /// An invocation that was answered as it should be.
    pub(super) fn of(invocation: &Invocation, status: u64) -> Result<Self> {
        if invocation.status == status {
            return Ok(Self { wall: invocation.wall, cpu: invocation.cpu });
        }
        Err(Error::new(format!("{} instead of {status}: {}", invocation.status, invocation.body)))
    }
}

/// Takes one measurement. What has to be prepared for it is done before the clock runs.
pub(super) type Probe<'a> = Box<dyn FnMut() -> Result<Sample> + 'a>;

/// Who takes part in a scenario, by name.
pub(super) type Contestants<'a> = Vec<(&'static str, Probe<'a>)>;

/// What one contestant took, round by round, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) who: &'static str,
    pub(super) wall: Vec<f64>,
    /// Empty where nobody counted.
    pub(super) cpu: Vec<f64>,
}

impl Series {
    pub(super) fn summary(&self) -> Option<Summary> {
        Summary::of(&self.wall)
    }

    pub(super) fn cpu_summary(&self) -> Option<Summary> {
        Summary::of(&self.cpu)
    }
}

/// A scenario's outcome.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) group: &'static str,
    pub(super) name: String,
    pub(super) series: Vec<Series>,
}

impl Figure {
    pub(super) fn of(&self, who: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.who == who)
    }
}

/// How many rounds are measured, and how long they may take together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) rounds: usize,
    pub(super) limit: Duration,
}

impl Effort {
    /// A hundredth part of the rounds warms up, and at least this many.
    const WARM_UP: usize = 3;

    /// For what takes long: fewer rounds, and three times as long for them.
    pub(super) fn few(self, rounds: usize) -> Self {
        Self { rounds: self.rounds.min(rounds), limit: self.limit * 3 }
    }

    /// Runs one scenario. Who begins, and who follows whom, changes from round to round.
    ///
    /// A round in which somebody failed counts for nobody; with too many of them the scenario fails.
    pub(super) async fn run(
        self,
        group: &'static str,
        name: impl Into<String>,
        mut contestants: Contestants<'_>,
    ) -> Result<Figure> {
        let name = name.into();
        let warm_up = Self::WARM_UP.max(self.rounds / 100);
        let mut series: Vec<_> =
            contestants.iter().map(|(who, _)| Series { who, wall: Vec::new(), cpu: Vec::new() }).collect();
        let (began, mut failures) = (Instant::now(), 0);
        for round in 0..self.rounds + warm_up {
            if round > warm_up + Self::WARM_UP && began.elapsed() > self.limit {
                break;
            }
            progress(group, &name, round, self.rounds + warm_up);
            match block_in_place(|| one_round(round, &mut contestants)) {
                Ok(samples) if round >= warm_up => keep(&mut series, &samples),
                Ok(_) => {}
                Err(_) if failures < self.rounds.div_ceil(50) => failures += 1,
                Err(error) => return Err(Error::new(format!("{group}, {name}, {error}"))),
            }
            // So that Ctrl-C is heard.
            yield_now().await;
        }
        clear_line();
        let figure = Figure { group, name, series };
        announce(&figure, failures);
        Ok(figure)
    }
}

/// Measures everybody once; the samples are in the order of the contestants.
fn one_round(round: usize, contestants: &mut Contestants<'_>) -> Result<Vec<Sample>> {
    let n = contestants.len();
    let mut samples = vec![Sample::from(Duration::ZERO); n];
    // Every other round goes backwards: otherwise each would always follow the same one.
    let step = if round.is_multiple_of(2) { 1 } else { n - 1 };
    for turn in 0..n {
        let at = (round + turn * step) % n;
        let (who, probe) = &mut contestants[at];
        samples[at] = probe().map_err(|error| Error::new(format!("{who}: {error}")))?;
    }
    Ok(samples)
}

fn keep(series: &mut [Series], samples: &[Sample]) {
    for (series, sample) in series.iter_mut().zip(samples) {
        series.wall.push(micros(sample.wall));
        series.cpu.extend(sample.cpu.map(micros));
    }
}

pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// One line that is written over and over, on a terminal alone.
fn progress(group: &str, name: &str, round: usize, rounds: usize) {
    if stderr().is_terminal() && round.is_multiple_of(10) {
        eprint!("\r\x1b[K{group} · {name}: {round} of {rounds}");
        let _ = stderr().flush();
    }
}

fn clear_line() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

fn announce(figure: &Figure, failures: usize) {
    let failed =
        if failures == 0 { String::new() } else { format!(", without {failures} rounds that failed") };
    println!("{} · {}{failed}", figure.group, figure.name);
    for series in &figure.series {
        let Some(summary) = series.summary() else { continue };
        let [from, to] = summary.quartiles;
        let cpu = series.cpu_summary().map(|cpu| format!("   cpu {:>9.1}", cpu.median)).unwrap_or_default();
        println!(
            "  {:<14} {:>10.1} µs   half of {:>4} in {:.1} to {:.1}   p99 {:>10.1}{cpu}",
            series.who, summary.median, summary.n, from, to, summary.p99
        );
    }
}
