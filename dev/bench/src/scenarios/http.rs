//! The same over HTTP, through cargo-lambda's local gateway: what a developer sees.
//!
//! Without the peer: awslambdaric 4.2.2 dies of a segmentation fault when cargo-lambda 1.9.2 hands it an event.

use std::{
    cell::RefCell,
    io::BufReader,
    net::TcpStream,
    time::{Duration, Instant},
};

use tokio::{task::block_in_place, time::sleep};

use crate::{
    Results,
    contest::{Effort, Probe, Sample},
    driver::Program,
    event::Request,
    fixture::{BOOKS, Fixture},
    http1::{self, Message},
};
use stack::{Context as _, Error, Result, ports, process::Process, tools::Tools, workspace};

const GROUP: &str = "http";

/// How long the gateway and what is behind it may take to answer for the first time.
const START: Duration = Duration::from_secs(30);

pub(super) async fn run(fixture: &Fixture, effort: Effort, results: &mut Results) -> Result<()> {
    let port = ports::free()?;
    let gateway = Tools::new()?.cargo_lambda().await?.launch("cargo-lambda");
    let gateway = gateway.args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"]);
    let gateway = gateway.args(["--invoke-port".to_owned(), port.to_string()]).env("RUST_LOG", "error");
    let log = fixture.dir.join("logs/cargo-lambda.log");
    let _gateway = Process::spawn(&gateway.dir(workspace::root()?).log(log)).await?;
    reachable(port).await?;
    let start = |program: Program| {
        let place = format!("http://127.0.0.1:{port}/.rt/{}", program.name);
        program.start_behind(&place)
    };
    let _functions = [
        start(fixture.floor())?,
        start(fixture.function("books", BOOKS)?)?,
        start(fixture.function("rl-demo", BOOKS)?)?,
    ];
    for (function, target) in [("floor", "/"), ("books", "/books"), ("rl-demo", "/rl-demo/ping")] {
        until_ready(calling(port, function, target)?).await?;
    }
    for (name, function, target) in [
        ("cached list", "books", "/books"),
        ("item", "books", "/books/4711"),
        ("ping", "rl-demo", "/rl-demo/ping"),
    ] {
        let contestants =
            vec![("floor", calling(port, "floor", target)?), ("us", calling(port, function, target)?)];
        results.add(effort.few(300).run(GROUP, name, contestants).await?);
    }
    Ok(())
}

async fn reachable(port: u16) -> Result<()> {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > START {
            return Err(Error::new("cargo-lambda does not listen; see target/bench/logs/cargo-lambda.log"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// A function is known to the gateway once it has asked for an event.
async fn until_ready(mut probe: Probe<'_>) -> Result<()> {
    let began = Instant::now();
    while let Err(error) = block_in_place(&mut probe) {
        if began.elapsed() > START {
            return Err(error);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// One request after another on one connection.
fn calling<'a>(port: u16, function: &str, target: &str) -> Result<Probe<'a>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).context("reach cargo-lambda")?;
    stream.set_nodelay(true).context("set up a connection")?;
    stream.set_read_timeout(Some(START)).context("set up a connection")?;
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
            None => Err(Error::new("cargo-lambda has hung up")),
        }
    }))
}
