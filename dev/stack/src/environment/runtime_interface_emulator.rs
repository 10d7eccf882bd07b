//! A function under AWS's own Runtime Interface Emulator, the program in Lambda's images that stands in for Lambda.
//!
//! The emulator starts the binary and is its runtime API. It takes events on a port for HTTP.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::failure::Failure;
use crate::{
    Error, Result, cache_users, http, ports, process::Process, process_spec::ProcessSpec, tools::Tools,
    workspace,
};

/// How long the emulator may take to listen.
const START: Duration = Duration::from_secs(20);

/// The emulator with one function under it. Both end with this.
#[derive(Debug)]
pub struct RuntimeInterfaceEmulator {
    url: String,
    _process: Process,
}

impl RuntimeInterfaceEmulator {
    /// Starts the binary of `function`, built from the sources as they are, with its own of these variables and no
    /// others: on its own user of the cache, but not under its role in the database.
    ///
    /// `None` on machines that there is no emulator for: it is a program for Linux, on x86-64 and arm64.
    pub async fn start(function: &str, variables: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let Some(emulator) = Tools::new()?.runtime_interface_emulator().await? else { return Ok(None) };
        let mut variables = variables.clone();
        cache_users::restrict(function, &mut variables)?;
        let (port, runtime_api) = (ports::free()?, ports::free()?);
        let spec = ProcessSpec::new("aws-lambda-rie", emulator.program())
            .bare()
            .args(["--log-level", "error", "--runtime-interface-emulator-address"])
            .args([format!("127.0.0.1:{port}"), "--runtime-api-address".to_owned()])
            .args([format!("127.0.0.1:{runtime_api}")])
            .path(workspace::binary(function).await?)
            .envs(&variables)
            .env("AWS_LAMBDA_FUNCTION_NAME", function);
        let mut process = Process::spawn(&spec).await?;
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            listening = timeout(START, listening) => {
                listening.map_err(|_| Error::new("the emulator does not listen"))?;
            }
            status = process.wait() => {
                return Err(Error::new(format!("the emulator ended by itself: {status:?}")));
            }
        }
        let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/function/invocations");
        Ok(Some(Self { url, _process: process }))
    }

    /// Hands the function an event, a JSON text.
    ///
    /// # Errors
    /// The failure that the function reports, or one of the emulator.
    pub async fn invoke(&self, event: &str) -> Result<Value, Failure> {
        let answer = http::send("POST", &self.url, event).await.map_err(Failure::here)?;
        let answer: Value = serde_json::from_str(&answer.body).map_err(Failure::here)?;
        // Lambda tells the two apart by a header, the emulator by nothing.
        if answer["errorType"].is_string() {
            return Err(serde_json::from_value(answer).map_err(Failure::here)?);
        }
        Ok(answer)
    }
}
