//! A proxy for `cargo xtask bench` that makes a store on this machine look as far away as one of AWS.
//!
//! It ends TLS with a certificate for `localhost` of an authority of its own, delays every byte by half a round trip in
//! each direction, and delays the first answer of each connection by the time that a sign-in with IAM takes. It is a
//! program of its own, built for release, so that it takes little of the processor and none of a function's share.
//!
//! The first line on the standard output is the authority's certificate in JSON. Each line of the standard input then
//! describes a store in JSON, and is answered by the port where the proxy listens for it, or by an error message. The
//! program ends when the standard input does.

mod certificate;
mod connection;
mod delay_queue;
mod error;

use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::connection::{Connection, Store};
use crate::error::Result;

fn main() -> Result<()> {
    // The threads inherit it. With Linux's default of 50 µs a delay of 250 µs would become one of 300.
    #[cfg(target_os = "linux")]
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let (roots, tls) = certificate::generate()?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", Value::from(roots))?;
    for line in std::io::stdin().lock().lines() {
        let description: Value = serde_json::from_str(&line?)?;
        match Store::described(&description, tls.clone()).and_then(listen) {
            Ok(port) => writeln!(output, "{port}")?,
            Err(error) => writeln!(output, "{}", error.to_string().replace('\n', " "))?,
        }
        output.flush()?;
    }
    Ok(())
}

/// Listens for connections to `store` until the program ends, and returns the port.
fn listen(store: Store) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let store = Arc::new(store);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let store = store.clone();
            // An error means that one side has ended the connection abruptly, and the other is then closed as well.
            thread::spawn(move || Connection::open(client, &store).and_then(Connection::forward));
        }
    });
    Ok(port)
}

impl Store {
    /// Reads `address`, `postgres`, `round_trip_us` and `sign_in_ms`.
    fn described(description: &Value, tls: Arc<rustls::ServerConfig>) -> Result<Self> {
        let number = |name: &str| description[name].as_u64().unwrap_or_default();
        let address: SocketAddr = description["address"].as_str().unwrap_or_default().parse()?;
        Ok(Self {
            address,
            is_postgres: description["postgres"] == true,
            round_trip: Duration::from_micros(number("round_trip_us")),
            sign_in: Duration::from_millis(number("sign_in_ms")),
            tls,
        })
    }
}
