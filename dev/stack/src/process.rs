//! Programs that we start: they end when we do, even when we are killed.
//!
//! Each has a process group of its own, so that the terminal's Ctrl-C reaches only us and everything
//! ends in order, and (on Linux) the wish to be killed by the kernel should its parent disappear.

use std::{
    process::ExitStatus,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
    time::timeout,
};

use crate::{Result, error::Context, launch::Launch};

/// A program that was started and is ended at the latest when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts the program.
    pub async fn spawn(launch: &Launch) -> Result<Self> {
        let (answer, child) = oneshot::channel();
        let job = Job { command: launch.command()?, runtime: Handle::current(), answer };
        let starting = format!("start {} ({})", launch.name, launch.program.display());
        spawner().send(job).context(&starting)?;
        let child = child.await.context(&starting)?.context(&starting)?;
        Ok(Self { name: launch.name.clone(), child })
    }

    /// The process id, as long as the program has not ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns when the program has ended. May be dropped and called again.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context(format!("wait for {}", self.name))
    }

    /// The exit status if the program has ended already.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal, unless the program has ended.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks the program to end, and kills it if it takes longer than `limit`.
    pub async fn stop(&mut self, signal: Signal, limit: Duration) {
        if self.pid().is_some() {
            self.signal(signal);
            let _ = timeout(limit, self.child.wait()).await;
        }
        self.kill().await;
    }

    /// Ends the program and what it started in its process group, at once.
    pub async fn kill(&mut self) {
        self.kill_group();
        let _ = self.child.wait().await;
    }

    fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Only while the program has not been waited for: afterwards its number may be somebody else's.
    fn kill_group(&self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

struct Job {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<std::io::Result<Child>>,
}

/// The thread that starts everything.
///
/// The kernel takes the end of the *thread* that forked for the death of the parent, and the threads
/// of a runtime come and go; this one lives as long as the program.
fn spawner() -> &'static mpsc::Sender<Job> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::spawn(move || {
            for mut job in jobs {
                let _inside = job.runtime.enter();
                // If nobody waits for the answer any more, the child is dropped and so killed.
                let _ = job.answer.send(job.command.spawn());
            }
        });
        sender
    })
}
