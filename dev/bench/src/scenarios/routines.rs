//! The routines that several groups measure.

use std::time::Duration;

use stack::Result;

use crate::comparison::{Routine, Sample};
use crate::driver::RunningProgram;
use crate::event::Request;
use crate::fixture::Fixture;

/// Sends the same request each time.
pub(super) fn invoking(running: &RunningProgram, request: Request, status: u64) -> Routine<'_> {
    Box::new(move || Sample::of(&running.invoke(&request)?, status))
}

/// Sends the same request each time, to an empty cache.
pub(super) fn uncached<'a>(
    fixture: &'a Fixture,
    running: &'a RunningProgram,
    request: Request,
) -> Routine<'a> {
    Box::new(move || {
        fixture.flush()?;
        Sample::of(&running.invoke(&request)?, 200)
    })
}

/// Executes a single operation of a store, or a password hash.
pub(super) fn primitive<'a>(mut measure: impl FnMut() -> Result<Duration> + 'a) -> Routine<'a> {
    Box::new(move || measure().map(Sample::from))
}
