//! A function as a process behind a runtime API that is made for timing: blocking sockets, a thread a connection, and
//! clocks read next to the system calls.

use std::{
    fs::File,
    io::BufReader,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{event::Request, http1, processes};
use stack::{Context as _, Error, Result};

/// How long a function may take, its start included.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that asks a runtime API for events, and how to start it.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) command: Vec<PathBuf>,
    pub(super) dir: PathBuf,
    pub(super) variables: Vec<(String, String)>,
    pub(super) log: PathBuf,
}

/// A running program. Dropping it ends the process.
pub(super) struct Subject {
    name: String,
    child: Child,
    log: PathBuf,
    desk: Mutex<Desk>,
}

struct Desk {
    api: Api,
    waiting: Option<TcpStream>,
}

/// A runtime API on a port of its own. Dropping it closes the port.
struct Api {
    address: SocketAddr,
    calls: mpsc::Receiver<Call>,
    closed: Arc<AtomicBool>,
}

impl Drop for Api {
    /// The thread that accepts connections looks at the mark when the next one comes: this one.
    fn drop(&mut self) {
        self.closed.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// What a function tells the runtime API.
enum Call {
    /// It would like an event, on this connection.
    Next(TcpStream),
    /// It has answered one; the answer was complete at this time.
    Answer(Instant, Vec<u8>),
    /// It has failed at one, or at starting.
    Failure(Vec<u8>),
}

/// One invocation.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    /// From the event's first byte out, or from the start of the process, to the answer's last byte in.
    pub(super) wall: Duration,
    /// Time on a processor since the invocation before, all threads together; not known of a cold start.
    pub(super) cpu: Option<Duration>,
    /// The status of the HTTP answer.
    pub(super) status: u64,
    /// The body of the HTTP answer.
    pub(super) body: String,
}

impl Program {
    /// Starts the program, and returns it with the time right before the start.
    fn spawn(&self, api: Api, place: &str) -> Result<(Subject, Instant)> {
        let mut command = Command::new(&self.command[0]);
        let log = File::options().append(true).create(true).open(&self.log);
        let log = log.context(format!("open {}", self.log.display()))?;
        command.args(&self.command[1..]).current_dir(&self.dir).env_clear().stdin(Stdio::null());
        command.stderr(log.try_clone().context("share a log")?).stdout(log);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", place).env("AWS_LAMBDA_FUNCTION_NAME", &self.name);
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        let started = Instant::now();
        let child = command.spawn().context(format!("start {}", self.command[0].display()))?;
        let desk = Mutex::new(Desk { api, waiting: None });
        Ok((Subject { name: self.name.clone(), child, log: self.log.clone(), desk }, started))
    }

    /// Starts the program behind a runtime API of ours.
    pub(super) fn start(&self) -> Result<Subject> {
        let api = listen()?;
        let place = api.address.to_string();
        Ok(self.spawn(api, &place)?.0)
    }

    /// Starts the program behind a runtime API of somebody else, to be called in another way.
    pub(super) fn start_behind(&self, place: &str) -> Result<Subject> {
        Ok(self.spawn(listen()?, place)?.0)
    }

    /// Starts the program and has it answer: from the start of the process to the last byte of the answer.
    pub(super) fn cold(&self, request: &Request) -> Result<Invocation> {
        let event = request.event();
        let api = listen()?;
        let place = api.address.to_string();
        let (subject, started) = self.spawn(api, &place)?;
        let mut desk = subject.desk();
        subject.await_idle(&mut desk)?;
        let (_, answered, body) = subject.exchange(&mut desk, &event)?;
        invocation(answered - started, None, &body)
    }
}

impl Subject {
    /// Hands the function one event, once it asks for one.
    pub(super) fn invoke(&self, request: &Request) -> Result<Invocation> {
        let event = request.event();
        let mut desk = self.desk();
        self.await_idle(&mut desk)?;
        let before = processes::cpu(self.child.id());
        let (started, answered, body) = self.exchange(&mut desk, &event)?;
        // What it does between its answer and its next question is part of what a request costs.
        self.await_idle(&mut desk)?;
        let cpu =
            processes::cpu(self.child.id()).zip(before).map(|(after, before)| after.saturating_sub(before));
        invocation(answered - started, cpu, &body)
    }

    /// The most memory that was ever resident, in bytes.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        processes::peak_memory(self.child.id())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn await_idle(&self, desk: &mut Desk) -> Result<()> {
        while desk.waiting.is_none() {
            if let Call::Next(stream) = self.hear(desk)? {
                desk.waiting = Some(stream);
            }
        }
        Ok(())
    }

    fn exchange(&self, desk: &mut Desk, event: &str) -> Result<(Instant, Instant, Vec<u8>)> {
        let Some(stream) = desk.waiting.take() else { return Err(Error::new("nobody waits for an event")) };
        let deadline = SystemTime::now() + PATIENCE;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
        let headers = [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            ("lambda-runtime-deadline-ms", &deadline),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:123456789012:function:bench",
            ),
            ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
        ];
        let started = Instant::now();
        http1::write(&stream, "HTTP/1.1 200 OK", &headers, event.as_bytes()).context("send an event")?;
        loop {
            match self.hear(desk)? {
                Call::Answer(at, body) => return Ok((started, at, body)),
                Call::Next(stream) => desk.waiting = Some(stream),
                Call::Failure(body) => {
                    let said = String::from_utf8_lossy(&body).into_owned();
                    return Err(Error::new(format!(
                        "{} failed: {said}; its log: {}",
                        self.name,
                        self.log.display()
                    )));
                }
            }
        }
    }

    fn hear(&self, desk: &mut Desk) -> Result<Call> {
        let heard = desk.api.calls.recv_timeout(PATIENCE);
        heard.map_err(|_| Error::new(format!("{} is silent; its log: {}", self.name, self.log.display())))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn invocation(wall: Duration, cpu: Option<Duration>, body: &[u8]) -> Result<Invocation> {
    let answer: Value = serde_json::from_slice(body).context("read an answer")?;
    let body = answer["body"].as_str().unwrap_or_default().to_owned();
    Ok(Invocation { wall, cpu, status: answer["statusCode"].as_u64().unwrap_or_default(), body })
}

fn listen() -> Result<Api> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on 127.0.0.1")?;
    let address = listener.local_addr().context("listen on 127.0.0.1")?;
    let (calls, heard) = mpsc::channel();
    let closed = Arc::<AtomicBool>::default();
    let mark = closed.clone();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if mark.load(SeqCst) {
                return;
            }
            let calls = calls.clone();
            thread::spawn(move || serve(stream, &calls));
        }
    });
    Ok(Api { address, calls: heard, closed })
}

/// Reads what the function says on one connection until either side has ended.
fn serve(stream: TcpStream, calls: &mpsc::Sender<Call>) {
    let Ok(answers) = stream.try_clone() else { return };
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Ok(Some(message)) = http1::read(&mut stream) {
        let at = Instant::now();
        let call = match message.start.split(' ').nth(1).and_then(|path| path.rsplit('/').next()) {
            Some("next") => answers.try_clone().map(Call::Next),
            Some("response") => Ok(Call::Answer(at, message.body)),
            _ => Ok(Call::Failure(message.body)),
        };
        let Ok(call) = call else { return };
        let asks = matches!(call, Call::Next(_));
        if !asks && http1::write(&answers, "HTTP/1.1 202 Accepted", &[], b"").is_err() {
            return;
        }
        if calls.send(call).is_err() {
            return;
        }
    }
}

/// What the driver itself takes: a function that answers at once, in a thread of this process.
pub(super) fn echo() -> Result<impl FnMut() -> Result<Duration>> {
    let api = listen()?;
    let address = api.address;
    thread::spawn(move || {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        loop {
            http1::write(&stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1", &[], b"")?;
            http1::read(&mut answers)?;
            let start = "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1";
            http1::write(&stream, start, &[], br#"{"statusCode":200}"#)?;
            if http1::read(&mut answers)?.is_none() {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    let event = Request::get("/").event();
    Ok(move || {
        let ended = || Error::new("the echo has ended");
        let Call::Next(stream) = api.calls.recv().map_err(|_| ended())? else { return Err(ended()) };
        let started = Instant::now();
        http1::write(&stream, "HTTP/1.1 200 OK", &[], event.as_bytes()).context("send an event")?;
        match api.calls.recv().map_err(|_| ended())? {
            Call::Answer(at, _) => Ok(at - started),
            _ => Err(ended()),
        }
    })
}
