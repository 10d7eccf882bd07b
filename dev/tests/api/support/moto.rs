//! moto, which stands in for services of AWS, behind a relay that records the calls to Secrets Manager.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stack::servers::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// A moto server that only one test uses.
pub(crate) struct Moto {
    moto: Server,
    url: String,
    /// The requests that went through the relay.
    records: Arc<Mutex<Vec<u8>>>,
}

impl Moto {
    pub(crate) async fn start() -> Self {
        let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/api/support/moto/requirements.txt");
        let mut moto = Server::moto(Path::new(requirements)).await.unwrap();
        moto.start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let records = Arc::new(Mutex::new(Vec::new()));
        let (server, recorded) = (moto.address().to_owned(), records.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), recorded.clone()));
            }
        });
        Self { moto, url, records }
    }

    /// The URL of the relay, which records every call.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The URL of moto itself; calls to it are not recorded.
    pub(crate) fn direct_url(&self) -> &str {
        self.moto.url()
    }

    /// The actions called through the relay, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.records.lock().unwrap()).into_owned();
        let targets = text.match_indices("secretsmanager.").map(|(at, found)| &text[at + found.len()..]);
        targets.map(|rest| rest.split("\r\n").next().unwrap().to_owned()).collect()
    }

    /// Creates a secret, with a value or without any, and returns its ARN.
    pub(crate) async fn create(&self, name: &str, value: Option<&str>) -> String {
        let mut secret = json!({"Name": name});
        if let Some(value) = value {
            secret["SecretString"] = value.into();
        }
        self.call("CreateSecret", &secret).await["ARN"].as_str().unwrap().to_owned()
    }

    /// Calls Secrets Manager as an operator would. The call is not recorded.
    pub(crate) async fn call(&self, action: &str, body: &Value) -> Value {
        self.call_service("secretsmanager", &format!("secretsmanager.{action}"), body).await
    }

    /// Calls any service that moto plays. The call is not recorded; moto does not check signatures.
    pub(crate) async fn call_service(&self, service: &str, target: &str, body: &Value) -> Value {
        let credential = format!("local/20260101/eu-central-1/{service}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
        let request = hyper::Request::post(self.moto.url())
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", authorization);
        let response =
            stack::http::exchange(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap();
        assert!(response.status().is_success(), "{target}: {}", String::from_utf8_lossy(response.body()));
        serde_json::from_slice(response.body()).unwrap()
    }
}

/// Forwards a connection to `server` and records what the client sends.
async fn relay(client: TcpStream, server: String, records: Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut requests, mut to_client) = client.into_split();
    let (mut responses, mut to_server) = server.into_split();
    let responding = tokio::spawn(async move { copy(&mut responses, &mut to_client).await });
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = requests.read(&mut buffer).await {
        records.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to_server.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    responding.abort();
}
