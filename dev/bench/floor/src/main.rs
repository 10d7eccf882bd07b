//! The lower bound for `cargo xtask bench`: a Lambda function that answers every HTTP request with the same text.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(hello)).await
}

async fn hello(_request: Request) -> Result<Response<Body>, Error> {
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(r#"{"hello":"world"}"#.into())?)
}
