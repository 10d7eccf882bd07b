//! `MiniStack`'s `DynamoDB`: one Python process that keeps its tables in memory.

use std::path::Path;

use serde_json::{Value, json};

use super::{server::Server, server_context::ServerContext};
use crate::{Error, Result, http, ports, process_spec::ProcessSpec};

/// A server on a free port. It is ready when it has an empty table called `table`, so after each start.
pub(crate) fn prepare(python: &Path, context: &ServerContext<'_>, table: &str) -> Result<Server> {
    let port = ports::free()?;
    let spec = context.run(ProcessSpec::new("dynamodb", python), "dynamodb");
    let spec = spec
        // Without workers it is this one process, which ends when we end it.
        .args(["-B", "-m", "hypercorn", "--workers", "0", "--log-level", "warning", "--bind"])
        .args([&format!("127.0.0.1:{port}"), "ministack.app:app"])
        // Of the many services of AWS that it plays this one is wanted.
        .env("SERVICES", "dynamodb")
        .env("GATEWAY_PORT", port.to_string())
        .env("LOG_LEVEL", "WARNING")
        .without("AUTH")
        .without("LOCALSTACK_PERSISTENCE")
        .without("MINISTACK_ACCOUNT_ID")
        .without("PERSIST_STATE")
        .without("USE_SSL")
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .dir(context.data("dynamodb")?);
    let url = format!("http://127.0.0.1:{port}");
    let (address, table) = (url.clone(), table.to_owned());
    Ok(Server::new("dynamodb", url, spec, move || {
        let (address, table) = (address.clone(), table.clone());
        async move { create_table(&address, &table).await.is_ok() }
    }))
}

/// Makes the table for idempotent writes as the template does, unless there is one.
///
/// The server at `url` must be one that checks no signature, as those for one machine are.
pub(crate) async fn create_table(url: &str, table: &str) -> Result<()> {
    let definition = json!({
        "TableName": table,
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let expiration = json!({"TableName": table, "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": true}});
    let created = call(url, "CreateTable", &definition).await?;
    match created.status {
        200 => {}
        _ if created.body.contains("ResourceInUseException") => return Ok(()),
        _ => return Err(refused("CreateTable", &created)),
    }
    let set = call(url, "UpdateTimeToLive", &expiration).await?;
    if set.status == 200 { Ok(()) } else { Err(refused("UpdateTimeToLive", &set)) }
}

async fn call(url: &str, operation: &str, body: &Value) -> Result<http::Response> {
    const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=0";
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", &format!("DynamoDB_20120810.{operation}")),
        ("authorization", SIGNATURE),
    ];
    let sent = http::send_with("POST", url, &headers, &body.to_string()).await;
    sent.map_err(|error| Error::new(format!("cannot reach DynamoDB at {url}: {error}")))
}

fn refused(operation: &str, response: &http::Response) -> Error {
    Error::new(format!("DynamoDB refused {operation}: {} {}", response.status, response.body))
}
