//! moto as Secrets Manager, behind a relay that keeps account of what it is asked.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stack::servers::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// A Secrets Manager of a test's own.
pub(crate) struct Manager {
    moto: Server,
    url: String,
    account: Arc<Mutex<Account>>,
}

/// What went through the relay.
#[derive(Default)]
struct Account {
    connections: usize,
    bytes: Vec<u8>,
}

impl Manager {
    pub(crate) async fn start() -> Self {
        let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/api/secret/requirements.txt");
        let mut moto = Server::moto(Path::new(requirements)).await.unwrap();
        moto.start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let account = Arc::new(Mutex::new(Account::default()));
        let (server, seen) = (moto.address().to_owned(), account.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                seen.lock().unwrap().connections += 1;
                tokio::spawn(relay(client, server.clone(), seen.clone()));
            }
        });
        Self { moto, url, account }
    }

    /// Where functions find it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it is itself, beside the relay.
    pub(crate) fn direct_url(&self) -> &str {
        self.moto.url()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.account.lock().unwrap().connections
    }

    /// What was asked for through the relay, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.account.lock().unwrap().bytes).into_owned();
        let targets = text.match_indices("secretsmanager.").map(|(at, found)| &text[at + found.len()..]);
        // The host of the real one is no call.
        targets.map(|rest| rest.split("\r\n").next().unwrap().to_owned()).collect()
    }

    /// Begins the account anew.
    pub(crate) fn forget(&self) {
        *self.account.lock().unwrap() = Account::default();
    }

    /// Makes a secret, with a value or without any, and tells its ARN.
    pub(crate) async fn create(&self, name: &str, value: Option<&str>) -> String {
        let mut secret = json!({"Name": name});
        if let Some(value) = value {
            secret["SecretString"] = value.into();
        }
        self.call("CreateSecret", &secret).await["ARN"].as_str().unwrap().to_owned()
    }

    /// Calls it as an operator would, beside the relay.
    pub(crate) async fn call(&self, action: &str, body: &Value) -> Value {
        self.call_service("secretsmanager", &format!("secretsmanager.{action}"), body).await
    }

    /// Calls what else moto plays. It does not look at signatures.
    pub(crate) async fn call_service(&self, service: &str, target: &str, body: &Value) -> Value {
        let credential = format!("local/20260101/eu-central-1/{service}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
        let request = hyper::Request::post(self.moto.url())
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", authorization);
        let answer =
            stack::http::exchange(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap();
        assert!(answer.status().is_success(), "{target}: {}", String::from_utf8_lossy(answer.body()));
        serde_json::from_slice(answer.body()).unwrap()
    }
}

async fn relay(client: TcpStream, server: String, account: Arc<Mutex<Account>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((mut asks, mut hears), (mut answers, mut takes)) = (client.into_split(), server.into_split());
    let back = tokio::spawn(async move { copy(&mut answers, &mut hears).await });
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = asks.read(&mut buffer).await {
        account.lock().unwrap().bytes.extend_from_slice(&buffer[..count]);
        if takes.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    back.abort();
}
