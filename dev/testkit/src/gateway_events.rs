//! Events as API Gateway and Lambda send them, of an HTTP API, a REST API and a Function URL. Callers replace the
//! members that matter to them.

use serde_json::{Map, Value, json};

use crate::gateway_routes::Route;

/// A request to an HTTP API, in payload format 2.0. `path` is decoded, `query` is not.
#[must_use]
pub fn http_api_event(method: &str, path: &str, query: &str) -> Value {
    let route = Route::of(path);
    // All routes serve any method.
    let key = route.as_ref().map_or("$default".to_owned(), |route| format!("ANY {}", route.path));
    let mut event = json!({
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "api.example", "user-agent": "test"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api.example",
            "domainPrefix": "api",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1", "userAgent": "test",
            },
            "requestId": "gateway-request-id",
            "routeKey": key,
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some(route) = route.filter(|route| !route.parameters.is_empty()) {
        event["pathParameters"] = route.parameters.into();
    }
    event
}

/// A request to a Function URL, in payload format 2.0. `path` and `query` are as the client sent them.
#[must_use]
pub fn function_url_event(method: &str, path: &str, query: &str) -> Value {
    let mut event = http_api_event(method, path, query);
    // It has no routes.
    event["routeKey"] = "$default".into();
    event["requestContext"]["routeKey"] = "$default".into();
    event.as_object_mut().map(|event| event.remove("pathParameters"));
    let host = "url-id.lambda-url.eu-central-1.on.aws";
    event["headers"]["host"] = host.into();
    event["requestContext"]["domainName"] = host.into();
    event["requestContext"]["domainPrefix"] = "url-id".into();
    event["requestContext"]["apiId"] = "url-id".into();
    event
}

/// A request to a REST API, in payload format 1.0. `path` is as the client sent it; the names and values in
/// `query` are decoded.
#[must_use]
pub fn rest_api_event(method: &str, path: &str, query: &str) -> Value {
    let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let single: Value =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>().into();
    let multiple: Value =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect::<Map<_, _>>().into();
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": {"Host": "api.example"}, "multiValueHeaders": {"Host": ["api.example"]},
        "queryStringParameters": single, "multiValueQueryStringParameters": multiple,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "id", "stage": "prod", "requestId": "r", "httpMethod": method,
            "path": format!("/prod{path}"), "protocol": "HTTP/1.1", "resourcePath": "/{proxy+}", "requestTimeEpoch": 1,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "t"},
        },
        "body": null, "isBase64Encoded": false,
    })
}
