//! What is told of a run of tests: progress as it goes, and at the end the failures with their messages.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use stack::{Context as _, Error, Result};

/// The results so far. Everything that the test programs print is in a file besides.
pub(crate) struct Report {
    file: PathBuf,
    log: File,
    is_terminal: bool,
    program: Program,
    passed: usize,
    failed: usize,
    /// The tests that this machine cannot run, with the reasons.
    not_run: Vec<String>,
    /// The messages of failed tests, by program.
    failures: Vec<String>,
}

/// The test program that runs.
struct Program {
    name: String,
    began: Instant,
    announced: usize,
    done: usize,
    failed: usize,
    in_failures: bool,
    failures: String,
}

impl Program {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            began: Instant::now(),
            announced: 0,
            done: 0,
            failed: 0,
            in_failures: false,
            failures: String::new(),
        }
    }
}

impl Report {
    /// Writes all output to `file`.
    pub(crate) fn new(file: PathBuf) -> Result<Self> {
        let log = File::create(&file).context(format!("write {}", file.display()))?;
        let is_terminal = std::io::stdout().is_terminal();
        Ok(Self {
            file,
            log,
            is_terminal,
            program: Program::new(""),
            passed: 0,
            failed: 0,
            not_run: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// A test program is about to run.
    pub(crate) fn begin(&mut self, name: &str) {
        self.program = Program::new(name);
    }

    /// Takes one line that the program has printed.
    pub(crate) fn take(&mut self, line: &str) -> Result<()> {
        writeln!(self.log, "{line}").context("write the log of the tests")?;
        if line.starts_with("not run: ") {
            self.not_run.push(line.to_owned());
            return Ok(());
        }
        let program = &mut self.program;
        if let Some(count) = line.strip_prefix("running ").and_then(|rest| rest.split(' ').next()) {
            program.announced = count.parse().unwrap_or(program.announced);
        } else if let Some(summary) = line.strip_prefix("test result: ") {
            program.in_failures = false;
            if program.done > 0 {
                println!("{}test result: {summary} ({})", self.line_start(), self.program.name);
            }
        } else if line == "failures:" {
            // Comes twice: before the messages, and before the names alone.
            program.in_failures = program.failures.is_empty();
        } else if program.in_failures {
            program.failures.push_str(line);
            program.failures.push('\n');
        } else if let Some((name, outcome)) = result(line) {
            self.count(name, outcome);
        }
        Ok(())
    }

    /// The program has ended.
    pub(crate) fn end(&mut self, succeeded: bool) {
        let program = &mut self.program;
        if !succeeded && program.failed == 0 {
            // It was killed, or failed outside of a test.
            program.failed = 1;
            self.failed += 1;
            program.failures.push_str("the program ended without a result; see the log\n");
        }
        if program.failed > 0 {
            self.failures.push(format!("{}:\n{}", program.name, program.failures));
        }
    }

    /// Tells all that failed, and what could not be run.
    pub(crate) fn conclude(self) -> Result<()> {
        for failures in &self.failures {
            println!("\nFailures in {failures}");
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
        for test in &self.not_run {
            println!("{test}");
        }
        println!("All output: {}", self.file.display());
        match (self.passed, self.failed) {
            (0, 0) => Err(Error::new("no test has such a name")),
            (_, 0) => Ok(()),
            _ => Err(Error::new("tests failed")),
        }
    }

    fn count(&mut self, name: &str, outcome: &str) {
        self.program.done += 1;
        match outcome {
            "ok" => self.passed += 1,
            "FAILED" => {
                self.program.failed += 1;
                self.failed += 1;
                println!("{}{} {name} FAILED", self.line_start(), self.program.name);
            }
            _ => {}
        }
        self.show_progress(name);
    }

    /// One line that is overwritten on a terminal; elsewhere every test has its own.
    fn show_progress(&self, name: &str) {
        let Program { name: program, done, announced, failed, began, .. } = &self.program;
        let seconds = began.elapsed().as_secs();
        if self.is_terminal {
            print!(
                "{}{program} {done}/{announced}, {failed} failed, {seconds} s: {name:.70}",
                self.line_start()
            );
            let _ = std::io::stdout().flush();
        } else {
            println!("{program} {done}/{announced} {seconds} s: {name}");
        }
    }

    /// Overwrites the line of the progress.
    fn line_start(&self) -> &'static str {
        if self.is_terminal { "\r\x1b[2K" } else { "" }
    }
}

/// The name and the outcome in a line such as `test limits::a_test ... ok`.
fn result(line: &str) -> Option<(&str, &str)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some((name, outcome))
}
