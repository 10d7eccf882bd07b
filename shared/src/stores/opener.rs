//! Opens connections for an execution environment: one at a time, in a task that outlives the request which needs it.
//!
//! Signing in to a store can take longer than a request may wait: 100 ms and more with an IAM token, 15 s while a
//! database wakes. If each request opened a connection of its own and gave it up when its time is over, no connection
//! would ever be there. So an [`Opener`] runs the attempt in a task, and every request that needs a connection joins
//! the attempt under way, waits as long as it can, and leaves the attempt to those that come after it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::freeze::FreezeAwareInstant;

/// The attempts to connect to one store. Dropping it ends the attempt under way.
pub(super) struct Opener {
    /// The age at which the next request gives an attempt up and begins another: it may have lost its path while the
    /// process was frozen, when there was nothing unacknowledged that the kernel could notice.
    limit: Duration,
    attempt: Mutex<Option<Attempt>>,
}

/// An attempt to open a connection. Clones wait for the same one.
#[derive(Clone)]
pub(super) struct Attempt {
    began: FreezeAwareInstant,
    outcome: watch::Receiver<Option<Result<(), Arc<str>>>>,
    task: AbortHandle,
}

impl Opener {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, attempt: Mutex::default() }
    }

    /// Joins the attempt under way, or begins one. `open` connects, and puts the connection where requests look for it.
    pub(super) fn join<Open>(&self, open: impl FnOnce() -> Open) -> Attempt
    where
        Open: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = attempt.as_ref().filter(|attempt| self.is_under_way(attempt)) {
            return attempt.clone();
        }
        let (ended, outcome) = watch::channel(None);
        let opening = open();
        let task = tokio::spawn(async move {
            let result = opening.await.map_err(Arc::from);
            ended.send_replace(Some(result));
        });
        let begun = Attempt { began: FreezeAwareInstant::now(), outcome, task: task.abort_handle() };
        if let Some(given_up) = attempt.replace(begun.clone()) {
            given_up.task.abort();
        }
        begun
    }

    fn is_under_way(&self, attempt: &Attempt) -> bool {
        !attempt.task.is_finished()
            && attempt.outcome.borrow().is_none()
            && !attempt.began.is_older_than(self.limit)
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let attempt = self.attempt.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = attempt {
            attempt.task.abort();
        }
    }
}

impl Attempt {
    /// Waits for the end of the attempt. The error says why there is no connection.
    pub(super) async fn ended(mut self) -> Result<(), String> {
        match self.outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Ok(()))) => Ok(()),
            Ok(Some(Err(reason))) => Err(reason.to_string()),
            Ok(None) | Err(_) => Err("the attempt to connect was given up".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use tokio::time::{sleep, timeout};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn an_attempt_outlives_the_request_that_began_it_and_is_shared() {
        let (opener, begun) = (Opener::new(LONG), Arc::<AtomicUsize>::default());
        let join = || {
            opener.join(|| {
                begun.fetch_add(1, SeqCst);
                async {
                    sleep(Duration::from_millis(300)).await;
                    Ok(())
                }
            })
        };
        for _ in 0..20 {
            let waited = timeout(Duration::from_millis(2), join().ended()).await;
            assert!(waited.is_err());
        }
        assert_eq!(join().ended().await, Ok(()));
        assert_eq!(begun.load(SeqCst), 1);
        assert_eq!(join().ended().await, Ok(()), "the connection was lost: another attempt");
        assert_eq!(begun.load(SeqCst), 2);
    }

    #[tokio::test]
    async fn whoever_waits_learns_why_an_attempt_failed_and_the_next_one_is_new() {
        let opener = Opener::new(LONG);
        let attempt = opener.join(|| async { Err("refused".to_owned()) });
        let (one, other) = tokio::join!(attempt.clone().ended(), attempt.ended());
        assert_eq!((one, other), (Err("refused".into()), Err("refused".into())));
        assert_eq!(opener.join(|| async { Ok(()) }).ended().await, Ok(()));
    }

    #[tokio::test]
    async fn an_attempt_that_is_too_old_is_given_up() {
        let opener = Opener::new(Duration::ZERO);
        let stuck = opener.join(pending::<Result<(), String>>);
        assert_eq!(opener.join(|| async { Ok(()) }).ended().await, Ok(()));
        assert!(stuck.ended().await.is_err());
    }
}
