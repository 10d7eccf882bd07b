//! A server that plays Lambda and `CodeDeploy`, as far as `smoke-test` calls them.
//!
//! It hands the events of invocations to functions on real stores, and records what `CodeDeploy` is told.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use testkit::{Failure, Invoke, TestContext};
use tokio::net::TcpListener;

/// A running server.
pub(crate) struct FakeAws {
    url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    versions: BTreeMap<String, Arc<dyn Invoke>>,
    invocations: Mutex<Vec<(String, Value)>>,
    results: Mutex<Vec<Value>>,
    /// The statuses with which `CodeDeploy` refuses the next calls.
    refusals: Mutex<VecDeque<u16>>,
}

/// The ARN of a version of `function`.
pub(crate) fn arn(function: &str) -> String {
    format!("arn:aws:lambda:eu-central-1:123456789012:function:bookshelf-{function}:7")
}

impl FakeAws {
    /// Starts a server with one version of each of these functions. `CodeDeploy` refuses its first calls with
    /// `refusals`.
    pub(crate) async fn start(functions: Vec<(&str, Arc<dyn Invoke>)>, refusals: &[u16]) -> Self {
        let versions = functions.into_iter().map(|(name, function)| (arn(name), function)).collect();
        let refusals = Mutex::new(refusals.iter().copied().collect());
        let state = Arc::new(State { versions, refusals, ..State::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inside = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = inside.clone();
                let service = service_fn(move |request| answer(request, state.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, state }
    }

    /// `context` with this server instead of AWS, and with the variables that name its versions.
    pub(crate) fn used_by(&self, context: TestContext) -> TestContext {
        let context =
            context.with("AWS_ENDPOINT_URL_LAMBDA", &self.url).with("AWS_ENDPOINT_URL_CODEDEPLOY", &self.url);
        let name = |arn: &str| arn.rsplit([':', '-']).nth(1).unwrap().to_uppercase();
        let set = |context: TestContext, arn: &String| context.with(&format!("{}_VERSION", name(arn)), arn);
        self.state.versions.keys().fold(context, set)
    }

    /// The events of all invocations in order, each with the ARN that was invoked.
    pub(crate) fn invocations(&self) -> Vec<(String, Value)> {
        self.state.invocations.lock().unwrap().clone()
    }

    /// What `CodeDeploy` was told, in order, that it refused included.
    pub(crate) fn results(&self) -> Vec<Value> {
        self.state.results.lock().unwrap().clone()
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(parts.method, Method::POST);
    let path = percent_decode_str(parts.uri.path()).decode_utf8().unwrap().into_owned();
    // See "Invoke" in the reference of Lambda's API.
    let version =
        path.strip_prefix("/2015-03-31/functions/").and_then(|rest| rest.strip_suffix("/invocations"));
    Ok(if let Some(version) = version {
        assert_signed_for("lambda", &parts.headers);
        invoke(version, body, &state).await
    } else {
        assert_signed_for("codedeploy", &parts.headers);
        assert_eq!(path, "/");
        assert_eq!(parts.headers["x-amz-target"], "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus");
        put_status(body, &state)
    })
}

fn assert_signed_for(service: &str, headers: &HeaderMap) {
    let authorization = headers["authorization"].to_str().unwrap();
    let scope = format!("/eu-central-1/{service}/aws4_request");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 ") && authorization.contains(&scope),
        "{authorization}"
    );
}

async fn invoke(version: &str, event: Value, state: &State) -> Response<Full<Bytes>> {
    let text = event.to_string();
    state.invocations.lock().unwrap().push((version.to_owned(), event));
    let Some(function) = state.versions.get(version) else {
        let error = json!({"Type": "User", "Message": "Function not found"});
        return respond(404, &[("x-amzn-errortype", "ResourceNotFoundException")], &error);
    };
    match function.invoke(&text).await {
        Ok(answer) => respond(200, &[("x-amz-executed-version", "7")], &answer),
        Err(Failure { error_type, error_message }) => {
            let error = json!({"errorType": error_type, "errorMessage": error_message});
            respond(200, &[("x-amz-function-error", "Unhandled"), ("x-amz-executed-version", "7")], &error)
        }
    }
}

fn put_status(body: Value, state: &State) -> Response<Full<Bytes>> {
    let id = json!({"lifecycleEventHookExecutionId": body["lifecycleEventHookExecutionId"]});
    state.results.lock().unwrap().push(body);
    match state.refusals.lock().unwrap().pop_front() {
        None => respond(200, &[], &id),
        Some(status @ 500..) => respond(status, &[], &json!({})),
        Some(status) => respond(status, &[], &json!({"__type": "DeploymentDoesNotExistException"})),
    }
}

fn respond(status: u16, headers: &[(&str, &str)], body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
    response.body(Full::from(body.to_string())).unwrap()
}
