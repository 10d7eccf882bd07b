//! Measures the subjects of a scenario side by side.
//!
//! Each round measures every subject once, in an order that changes from round to round. So a slow moment of the
//! machine affects all subjects alike, and their ratio within a round stays meaningful.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use stack::{Error, Result};
use tokio::task::{block_in_place, yield_now};

use crate::driver::Invocation;
use crate::statistics::Summary;

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
    /// The sample of an invocation.
    ///
    /// # Errors
    /// When the status of the response is not `status`.
    pub(super) fn of(invocation: &Invocation, status: u64) -> Result<Self> {
        if invocation.status == status {
            return Ok(Self { wall: invocation.wall, cpu: invocation.cpu });
        }
        Err(Error::new(format!("{} instead of {status}: {}", invocation.status, invocation.body)))
    }
}

/// Takes one sample. Preparation that it needs is not part of the sample.
pub(super) type Routine<'a> = Box<dyn FnMut() -> Result<Sample> + 'a>;

/// The subjects of a scenario by name.
pub(super) type Subjects<'a> = Vec<(&'static str, Routine<'a>)>;

/// The samples of one subject in the order of the rounds, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) subject: &'static str,
    pub(super) wall: Vec<f64>,
    /// Empty if CPU time was not measured.
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

/// The samples of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub(super) group: &'static str,
    /// The scenario.
    pub(super) name: String,
    pub(super) series: Vec<Series>,
}

impl Comparison {
    pub(super) fn series_of(&self, subject: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.subject == subject)
    }
}

/// The number of rounds that are measured, and the time that they may take together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) rounds: usize,
    pub(super) limit: Duration,
}

impl Budget {
    /// The least number of rounds before the measured ones. If a hundredth of the rounds is more, it is that.
    const WARM_UP: usize = 3;

    /// The budget of a scenario that takes long: at most this many rounds, and three times as much time.
    pub(super) fn for_slow(self, rounds: usize) -> Self {
        Self { rounds: self.rounds.min(rounds), limit: self.limit * 3 }
    }

    /// The same with at most this many rounds.
    pub(super) fn of_rounds(self, rounds: usize) -> Self {
        Self { rounds: self.rounds.min(rounds), ..self }
    }

    /// Measures the subjects of one scenario.
    ///
    /// # Errors
    /// When more than one in fifty rounds fail. The samples of a round that fails are discarded for all subjects.
    pub(super) async fn compare(
        self,
        group: &'static str,
        name: impl Into<String>,
        mut subjects: Subjects<'_>,
    ) -> Result<Comparison> {
        let name = name.into();
        let warm_up = Self::WARM_UP.max(self.rounds / 100);
        let names = subjects.iter().map(|(subject, _)| *subject);
        let mut series: Vec<_> =
            names.map(|subject| Series { subject, wall: Vec::new(), cpu: Vec::new() }).collect();
        let (began, mut failures) = (Instant::now(), 0);
        for round in 0..self.rounds + warm_up {
            if round > warm_up + Self::WARM_UP && began.elapsed() > self.limit {
                break;
            }
            print_progress(group, &name, round, self.rounds + warm_up);
            match block_in_place(|| measure_round(round, &mut subjects)) {
                Ok(samples) if round >= warm_up => push(&mut series, &samples),
                Ok(_) => {}
                Err(_) if failures < self.rounds.div_ceil(50) => failures += 1,
                Err(error) => return Err(Error::new(format!("{group}, {name}, {error}"))),
            }
            // Lets Ctrl-C interrupt the run.
            yield_now().await;
        }
        clear_progress();
        let comparison = Comparison { group, name, series };
        print_summary(&comparison, failures);
        Ok(comparison)
    }
}

/// Measures every subject once. The samples are in the order of the subjects.
fn measure_round(round: usize, subjects: &mut Subjects<'_>) -> Result<Vec<Sample>> {
    let n = subjects.len();
    let mut samples = vec![Sample::from(Duration::ZERO); n];
    // Every other round goes backwards: otherwise each subject would always follow the same one.
    let step = if round.is_multiple_of(2) { 1 } else { n - 1 };
    for turn in 0..n {
        let at = (round + turn * step) % n;
        let (subject, routine) = &mut subjects[at];
        samples[at] = routine().map_err(|error| Error::new(format!("{subject}: {error}")))?;
    }
    Ok(samples)
}

fn push(series: &mut [Series], samples: &[Sample]) {
    for (series, sample) in series.iter_mut().zip(samples) {
        series.wall.push(micros(sample.wall));
        series.cpu.extend(sample.cpu.map(micros));
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Overwrites one line of the terminal; prints nothing if there is no terminal.
fn print_progress(group: &str, name: &str, round: usize, rounds: usize) {
    if stderr().is_terminal() && round.is_multiple_of(10) {
        eprint!("\r\x1b[K{group} · {name}: {round} of {rounds}");
        let _ = stderr().flush();
    }
}

fn clear_progress() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

fn print_summary(comparison: &Comparison, failures: usize) {
    let failed =
        if failures == 0 { String::new() } else { format!(", without {failures} rounds that failed") };
    println!("{} · {}{failed}", comparison.group, comparison.name);
    for series in &comparison.series {
        let Some(summary) = series.summary() else { continue };
        let [from, to] = summary.quartiles;
        let cpu = series.cpu_summary().map(|cpu| format!("   cpu {:>9.1}", cpu.median)).unwrap_or_default();
        println!(
            "  {:<14} {:>10.1} µs   half of {:>4} in {:.1} to {:.1}   p99 {:>10.1}{cpu}",
            series.subject, summary.median, summary.n, from, to, summary.p99
        );
    }
}
