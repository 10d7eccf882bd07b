//! Programs that we start: they end when we do, even when we are killed.
//!
//! Each has a process group of its own, so that the terminal's Ctrl-C reaches only us and everything
//! ends in order. On Linux the kernel also kills each one when its parent ends.

use std::{
    process::ExitStatus,
    sync::{OnceLock, mpsc as std_mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{Result, error::Context, process_spec::ProcessSpec};

/// A program that was started and is ended at the latest when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts the program.
    pub async fn spawn(spec: &ProcessSpec) -> Result<Self> {
        let (answer, child) = oneshot::channel();
        let job = Job { command: spec.command()?, runtime: Handle::current(), answer };
        let context = format!("start {} ({})", spec.name, spec.program.display());
        spawner().send(job).context(&context)?;
        let child = child.await.context(&context)?.context(&context)?;
        Ok(Self { name: spec.name.clone(), child })
    }

    /// Starts the program and returns its output line by line. The lines end when the program does.
    pub async fn read(spec: &ProcessSpec) -> Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let (sender, lines) = mpsc::unbounded_channel();
        let process = Self::observe(spec, move |line| {
            // The reader may have given up.
            let _ = sender.send(line);
        });
        Ok((process.await?, lines))
    }

    /// Starts the program and hands each line that it prints to `take`.
    pub(crate) async fn observe(
        spec: &ProcessSpec,
        take: impl Fn(String) + Clone + Send + 'static,
    ) -> Result<Self> {
        let mut process = Self::spawn(&spec.clone().piped()).await?;
        process.lines(take);
        Ok(process)
    }

    fn lines(&mut self, take: impl Fn(String) + Clone + Send + 'static) {
        fn read<R: AsyncRead + Unpin + Send + 'static>(from: R, take: impl Fn(String) + Send + 'static) {
            tokio::spawn(async move {
                let mut from = BufReader::new(from);
                let mut line = Vec::new();
                // Ends when the program does. What is no text is shown all the same.
                while from.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                    take(String::from_utf8_lossy(&line).trim_end().to_owned());
                    line.clear();
                }
            });
        }
        if let Some(stdout) = self.child.stdout.take() {
            read(stdout, take.clone());
        }
        if let Some(stderr) = self.child.stderr.take() {
            read(stderr, take);
        }
    }

    /// The process id, as long as the program has not ended.
    #[must_use]
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
fn spawner() -> &'static std_mpsc::Sender<Job> {
    static SPAWNER: OnceLock<std_mpsc::Sender<Job>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (sender, jobs) = std_mpsc::channel::<Job>();
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
