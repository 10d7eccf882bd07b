//! A function under the Lambda runtime: from the start of the process to the response to one event.
//!
//! [`serve`] is the whole `main` of a function: it reads the environment, opens connections, prepares an
//! [`EventHandler`] and gives it one event of API Gateway after another. The handler lets the event guard check the
//! event, converts it into a request, and sends that through the middleware stack to the router. The tests use the same
//! handler without the runtime.

mod base_path;
pub mod event;
pub mod function;
mod middleware;
mod shutdown;

use std::convert::Infallible;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use lambda_http::lambda_runtime::tower::Service;
use lambda_http::lambda_runtime::{self, Diagnostic, LambdaEvent, Runtime};
use lambda_http::{Request, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;
use tower::ServiceExt as _;

use self::event::NotHttp;
use self::function::Function;
use self::shutdown::{InFlight, shutdown_signal};
use crate::config::{self, Env};
use crate::http::invalid_event::InvalidEvent;
use crate::telemetry;

/// Handles the events of a function that serves HTTP: converts each into a request and gives it to the router.
#[derive(Clone)]
pub struct EventHandler {
    router: Router,
    stage_prefix: Option<String>,
}

impl EventHandler {
    /// Prepares a function. Reads `STAGE_PREFIX` (`/prod`) and what the middleware stack needs, beside what the
    /// function itself reads. Connections are opened with the first request.
    pub fn from_env<F: Function>(env: &Env) -> Result<Self, config::Error> {
        Self::new(F::from_env(env)?, env)
    }

    fn new<F: Function>(function: F, env: &Env) -> Result<Self, config::Error> {
        let stage_prefix = env.optional("STAGE_PREFIX").map(str::to_owned);
        if stage_prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/') || prefix.ends_with('/')) {
            return Err(config::Error::invalid("STAGE_PREFIX", "does not look like /prod"));
        }
        Ok(Self { router: middleware::router(function, env)?, stage_prefix })
    }

    /// Handles one event, and returns the response in the form of the API that sent it (HTTP API or REST API).
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<impl Serialize + use<>, NotHttp> {
        let guarded = event::read(&event.payload, self.stage_prefix.as_deref())?;
        let rejection = guarded.verdict.err().map(InvalidEvent);
        let router = self.router.clone();
        let service = service_fn(move |mut request: Request| {
            if let Some(rejection) = &rejection {
                request.extensions_mut().insert(rejection.clone());
            }
            let (router, base_path) = (router.clone(), guarded.base_path.clone());
            async move {
                let response = router.oneshot(request).await?;
                Ok::<_, Infallible>(base_path::prefix_location(response, &base_path))
            }
        });
        let event = LambdaEvent { payload: guarded.request, context: event.context };
        // In a variable, so that the adapter, which is not `Send`, is gone before the first await.
        let response_future = lambda_http::Adapter::from(service).call(event);
        Ok(response_future.await.unwrap_or_else(|never| match never {}))
    }
}

/// How long the start waits for connections. During the start Lambda gives a full processor, whatever the function's
/// memory, so a handshake costs the least there.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The variables that Lambda sets. Without one of them the runtime would panic.
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// The whole `main` of a function that serves HTTP.
#[must_use]
pub fn serve<F: Function>() -> ExitCode {
    serve_with::<F>(async |env| Ok(env))
}

/// The same for a function whose configuration is not in its environment alone: `resolve` adds the rest.
#[must_use]
pub fn serve_with<F: Function>(resolve: impl AsyncFnOnce(Env) -> Result<Env, config::Error>) -> ExitCode {
    run(async |env| {
        let env = resolve(env).await?;
        let function = F::from_env(&env)?;
        let handler = EventHandler::new(function.clone(), &env)?;
        // A timeout leaves the attempts under way; the first requests wait for them.
        let _ = timeout(CONNECT_TIMEOUT, function.connect()).await;
        Ok(move |event| {
            let handler = handler.clone();
            async move { handler.handle(event).await }
        })
    })
}

/// The whole `main` of a function: prepares a handler and gives it one event after another.
///
/// A configuration that can't be used ends the process with one line that names the variable.
pub fn run<Output, Failure, Handler, HandlerFuture>(
    prepare: impl AsyncFnOnce(Env) -> Result<Handler, config::Error>,
) -> ExitCode
where
    Output: Serialize + Send + 'static,
    Failure: ReportedError + Send + 'static,
    Handler: Fn(LambdaEvent<Box<RawValue>>) -> HandlerFuture + Clone + Send + 'static,
    HandlerFuture: Future<Output = Result<Output, Failure>> + Send + 'static,
{
    // Waiting needs one thread; password hashing goes to the blocking pool.
    let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => return fail("can not start", &error),
    };
    let handler = match runtime.block_on(start(prepare)) {
        Ok(handler) => handler,
        Err(error) => return fail("can not start", &error),
    };
    let service = service_fn(move |event| {
        // On the heap, since the runtime moves it several times.
        let handler_future = Box::pin(handler(event));
        async { handler_future.await.map_err(|error| diagnose(&error)) }
    });
    // As a task: tokio asks the system for news each time before it polls the future that it blocks on.
    let working = runtime.spawn_local(work(service));
    match runtime.block_on(working) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail("stopped", &error),
        Err(error) => fail("stopped", &error),
    }
}

async fn start<Handler>(
    prepare: impl AsyncFnOnce(Env) -> Result<Handler, config::Error>,
) -> Result<Handler, config::Error> {
    let env = Env::of_process();
    RUNTIME_VARIABLES.iter().try_for_each(|name| env.required(name).map(drop))?;
    // Also where nothing asks for it: what names the stack is right in all functions or in none.
    env.stack_name()?;
    telemetry::start(&env)?;
    prepare(env).await
}

/// Handles one event after another, or as many at a time as `AWS_LAMBDA_MAX_CONCURRENCY` says, until the process is
/// told to end.
async fn work<S, Output>(service: S) -> Result<(), lambda_runtime::Error>
where
    S: Service<LambdaEvent<Box<RawValue>>, Response = Output, Error = Diagnostic> + Clone + Send + 'static,
    S::Future: Send,
    Output: Serialize + Send + 'static,
{
    let in_flight = InFlight::default();
    let runtime = Runtime::new(service).layer(in_flight.clone());
    tokio::select! {
        result = runtime.run_concurrent() => result,
        () = shutdown_signal(in_flight) => Ok(()),
    }
}

/// An error that Lambda reports to the invoker of the function.
pub trait ReportedError: std::error::Error {
    /// The `errorType` of the report. Invokers know the error by it, so it stays when types and modules move.
    const TYPE: &'static str;
}

impl ReportedError for NotHttp {
    const TYPE: &'static str = "shared::event::NotHttp";
}

/// The report to Lambda of an event that has no answer. The runtime's own conversions would name every error type
/// `Box`.
pub fn diagnose<Failure: ReportedError>(failure: &Failure) -> Diagnostic {
    Diagnostic { error_type: Failure::TYPE.to_owned(), error_message: failure.to_string() }
}

fn fail(what: &str, error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{what}: {error}");
    ExitCode::FAILURE
}
