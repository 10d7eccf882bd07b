//! The faults that a proxy injects, as its connections see them.

use std::time::Duration;

/// What the proxy does with bytes and connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Bytes are forwarded.
    #[default]
    Open,
    /// Nothing passes in either direction, and the connections stay open: a path that drops packets. TCP transmits them
    /// again, so the proxy delivers all of them when the mode is `Open` again.
    Swallowing,
    /// Open connections are closed, and new ones at once.
    Closed,
    /// Bytes reach the store. Its answers are held back until the mode is `Open`.
    Holding,
}

/// All that can be set at a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) mode: Mode,
    /// The time between the arrival of an answer and its delivery.
    pub(super) delay: Duration,
    /// No answer is delivered on a connection before it is this old.
    pub(super) sign_in_delay: Duration,
    /// Whether the store is made to know no script.
    pub(super) forgets_scripts: bool,
    /// The connections up to this one, in the order of their opening, are closed.
    pub(super) closed_up_to: usize,
    /// The connections up to this one are forgotten by the path.
    pub(super) forgotten_up_to: usize,
}

impl Faults {
    pub(super) fn close(&self, connection: usize) -> bool {
        self.mode == Mode::Closed || connection <= self.closed_up_to
    }

    pub(super) fn forget(&self, connection: usize) -> bool {
        connection <= self.forgotten_up_to
    }

    /// Whether bytes reach the store.
    pub(super) fn pass_requests(&self) -> bool {
        matches!(self.mode, Mode::Open | Mode::Holding)
    }

    /// Whether answers reach the client.
    pub(super) fn pass_answers(&self) -> bool {
        self.mode == Mode::Open
    }
}
