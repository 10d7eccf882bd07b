//! Requests over HTTP through the local gateway of cargo-lambda, as during development.
//!
//! The peer is not measured: awslambdaric 4.2.2 ends with a segmentation fault at an event from cargo-lambda 1.9.2.

use std::cell::RefCell;
use std::io::BufReader;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use stack::process::Process;
use stack::tools::Tools;
use stack::{Context as _, Error, Result, ports, workspace};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::comparison::{Budget, Routine, Sample};
use crate::driver::Program;
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::http1::{self, Message};
use crate::results::Results;

const GROUP: &str = "http";

/// The longest time until the gateway and the functions answer.
const START_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn run(fixture: &Fixture, budget: Budget, results: &mut Results) -> Result<()> {
    let port = ports::free()?;
    let gateway = Tools::new()?.cargo_lambda().await?.spec("cargo-lambda");
    let gateway = gateway.args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"]);
    let gateway = gateway.args(["--invoke-port".to_owned(), port.to_string()]).env("RUST_LOG", "error");
    let log = fixture.dir.join("logs/cargo-lambda.log");
    let _gateway = Process::spawn(&gateway.dir(workspace::root()?).log(log)).await?;
    until_listening(port).await?;
    let start = |program: Program| {
        let address = format!("http://127.0.0.1:{port}/.rt/{}", program.name);
        program.start_with_runtime_api(&address)
    };
    let mut functions = vec![start(fixture.floor())?, start(fixture.function("books", BOOKS)?)?];
    let mut routes = vec![("cached list", "books", "/books"), ("item", "books", "/books/4711")];
    if Fixture::has("rl-demo")? {
        functions.push(start(fixture.function("rl-demo", BOOKS)?)?);
        routes.push(("ping", "rl-demo", "/rl-demo/ping"));
    }
    until_ready(calling(port, "floor", "/")?).await?;
    for (_, function, target) in &routes {
        until_ready(calling(port, function, target)?).await?;
    }
    for (name, function, target) in routes {
        let subjects =
            vec![("floor", calling(port, "floor", target)?), ("us", calling(port, function, target)?)];
        results.add(budget.for_slow(300).compare(GROUP, name, subjects).await?);
    }
    Ok(())
}

async fn until_listening(port: u16) -> Result<()> {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > START_TIMEOUT {
            return Err(Error::new("cargo-lambda does not listen; see target/bench/logs/cargo-lambda.log"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Waits until requests succeed: the gateway knows a function once it has asked for an event.
async fn until_ready(mut routine: Routine<'_>) -> Result<()> {
    let began = Instant::now();
    while let Err(error) = block_in_place(&mut routine) {
        if began.elapsed() > START_TIMEOUT {
            return Err(error);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Sends the same request each time, on one connection.
fn calling<'a>(port: u16, function: &str, target: &str) -> Result<Routine<'a>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).context("reach cargo-lambda")?;
    stream.set_nodelay(true).context("set up a connection")?;
    stream.set_read_timeout(Some(START_TIMEOUT)).context("set up a connection")?;
    let answers = RefCell::new(BufReader::new(stream.try_clone().context("share a connection")?));
    let request = Request::get(format!("/lambda-url/{function}{target}"));
    let start = format!("{} {} HTTP/1.1", request.method, request.target);
    Ok(Box::new(move || {
        let began = Instant::now();
        http1::write(&stream, &start, &[("host", "localhost")], b"").context("send a request")?;
        let answer = http1::read(&mut answers.borrow_mut()).context("read an answer")?;
        let wall = began.elapsed();
        match answer {
            Some(answer) if answer.start.contains(" 200") => Ok(Sample::from(wall)),
            Some(Message { start, body }) => {
                Err(Error::new(format!("{start}: {}", String::from_utf8_lossy(&body))))
            }
            None => Err(Error::new("cargo-lambda has closed the connection")),
        }
    }))
}
