//! Bytes on their way: each piece arrives a fixed time after it was sent, and never before an earlier one.

use std::collections::VecDeque;
use std::time::Instant;

#[derive(Default)]
pub(crate) struct DelayQueue {
    pieces: VecDeque<(Instant, Vec<u8>)>,
}

impl DelayQueue {
    /// Adds bytes that arrive at `due`, or with those before them if that is later.
    pub(crate) fn push(&mut self, due: Instant, bytes: Vec<u8>) {
        let due = self.pieces.back().map_or(due, |(before, _)| due.max(*before));
        self.pieces.push_back((due, bytes));
    }

    /// Takes the first bytes if they have arrived.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.pieces.pop_front_if(|(due, _)| *due <= now).map(|(_, bytes)| bytes)
    }

    /// The arrival of the first bytes.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.pieces.front().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bytes_arrive_in_their_order_and_not_before_they_are_due() {
        let (mut queue, now) = (DelayQueue::default(), Instant::now());
        let after = |millis| now + Duration::from_millis(millis);
        queue.push(after(80), b"first".to_vec());
        queue.push(after(1), b"second".to_vec());
        assert_eq!((queue.next_due(), queue.take_due(after(79))), (Some(after(80)), None));
        assert_eq!(queue.take_due(after(80)).as_deref(), Some(&b"first"[..]));
        assert_eq!(queue.take_due(after(80)).as_deref(), Some(&b"second"[..]));
        assert_eq!(queue.next_due(), None);
    }
}
