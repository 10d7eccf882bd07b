//! The client: one caller that waits where the API asks for it, and counts what it sends.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring::default_provider;
use stack::{Context as _, Result};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::request::Request;
use crate::response::Response;
use crate::verdict::NotPassed;

/// The most requests of a run.
pub const MOST_REQUESTS: usize = 500;
/// The longest run.
pub const LONGEST_RUN: Duration = Duration::from_mins(15);
/// The longest wait for one response. The gateway gives up after 30 s.
const PATIENCE: Duration = Duration::from_secs(35);
/// How often a request is sent before its last answer counts.
const ATTEMPTS: usize = 5;
/// The longest wait between two attempts: the window of the longest quota, rounded up.
const LONGEST_WAIT: Duration = Duration::from_secs(61);
/// The wait where the answer does not tell one, as the gateway's own 429 does.
const UNTOLD_WAIT: Duration = Duration::from_secs(1);

type Https = HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A caller of the API at one URL.
pub struct Client {
    http: Https,
    url: Url,
    began: Instant,
    /// What happened so far.
    pub counts: Counts,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests that were sent.
    pub sent: AtomicUsize,
    /// Answers 503 with `Retry-After`, which were sent again.
    pub unavailable: AtomicUsize,
    /// Answers of 500 and above without a way on.
    pub broken: AtomicUsize,
    /// Seconds that were waited for quotas and stores.
    pub waited: AtomicU64,
}

impl Client {
    /// A client of the API at `url` that has sent nothing yet.
    ///
    /// # Errors
    /// When the machine has no certificates of public authorities.
    pub fn new(url: &Url) -> Result<Self> {
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(default_provider())
            .context("find the machine's root certificates")?;
        let connector = tls.https_or_http().enable_all_versions().build();
        Ok(Self {
            http: HyperClient::builder(TokioExecutor::new()).build(connector),
            url: url.clone(),
            began: Instant::now(),
            counts: Counts::default(),
        })
    }

    /// Sends a request, and again as often as the answer is 429 or 503, after the time that it tells.
    pub async fn send(&self, request: &Request) -> Result<Response, NotPassed> {
        let mut attempt = 1;
        loop {
            let response = self.send_once(request).await?;
            let has_way_on = response.status == 503 && response.retry_after().is_some();
            self.counts.broken.fetch_add(usize::from(response.status >= 500 && !has_way_on), Relaxed);
            if attempt == ATTEMPTS || !matches!(response.status, 429 | 503) {
                return Ok(response);
            }
            attempt += 1;
            self.counts.unavailable.fetch_add(usize::from(response.status == 503), Relaxed);
            self.wait(response.retry_after().unwrap_or(UNTOLD_WAIT)).await;
        }
    }

    /// Sends a request and returns whatever the answer is.
    pub async fn send_once(&self, request: &Request) -> Result<Response, NotPassed> {
        let line = format!("{} {}", request.method, request.target);
        if self.counts.sent.fetch_add(1, Relaxed) >= MOST_REQUESTS || self.began.elapsed() > LONGEST_RUN {
            return Err(NotPassed::Failed(format!(
                "expected to be done by now: the run's {MOST_REQUESTS} requests or {} min are over",
                LONGEST_RUN.as_secs() / 60
            )));
        }
        let began = Instant::now();
        let response = timeout(PATIENCE, self.exchange(request)).await;
        let failed = |why: String| NotPassed::Failed(format!("{line}: expected a response, got none: {why}"));
        let response =
            response.map_err(|_| failed(format!("nothing in {} s", PATIENCE.as_secs())))?.map_err(failed)?;
        let (parts, body) = response.into_parts();
        Ok(Response {
            request: line,
            status: parts.status.as_u16(),
            version: parts.version,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            elapsed: began.elapsed(),
        })
    }

    async fn exchange(&self, request: &Request) -> Result<hyper::Response<Bytes>, String> {
        let url = self.resolve(&request.target)?;
        let builder = hyper::Request::builder().method(request.method).uri(url.as_str());
        let builder =
            request.headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value));
        let request = builder.body(Full::from(request.body.clone())).map_err(|error| error.to_string())?;
        let response = self.http.request(request).await.map_err(|error| chain(&error))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| chain(&error))?.to_bytes();
        Ok(hyper::Response::from_parts(parts, body))
    }

    /// The URL of a path below the API's.
    fn resolve(&self, target: &str) -> Result<Url, String> {
        let url = format!("{}{target}", self.url.as_str().trim_end_matches('/'));
        Url::parse(&url).map_err(|error| format!("{url}: {error}"))
    }

    /// The target to which a `Location` leads, which begins with the API's stage if its URL has one.
    #[must_use]
    pub fn target_of(&self, location: &str) -> String {
        let stage = self.url.path().trim_end_matches('/');
        location.strip_prefix(stage).unwrap_or(location).to_owned()
    }

    /// Waits as long as the API asks, but not for ever.
    pub async fn wait(&self, wait: Duration) {
        let wait = wait.min(LONGEST_WAIT);
        self.counts.waited.fetch_add(wait.as_secs(), Relaxed);
        println!("             … waits {} s for a quota or a store", wait.as_secs());
        sleep(wait).await;
    }

    /// How long the run has taken.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// An error with its causes, such as a certificate that does not hold.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
