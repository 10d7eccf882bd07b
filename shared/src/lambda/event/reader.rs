//! Reads an event into the types of `lambda_http`, one member at a time.
//!
//! Those types can be read from JSON themselves, but only as a whole: one header that HTTP forbids, an unpaired
//! surrogate or an unexpected type fails the entire event and so becomes a function error, which raises alarms. More
//! headers than a `HeaderMap` holds are a panic. Here a member that can't be read is left out, and the request gets an
//! error. Members that no function needs are not looked at.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayProxyRequest, ApiGatewayProxyRequestContext, ApiGatewayV2httpRequest,
    ApiGatewayV2httpRequestContext,
};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::request::LambdaRequest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::http::Error;

/// The event is not from API Gateway or a Function URL.
#[derive(Debug, thiserror::Error)]
#[error("this is not an event of API Gateway or a Function URL, or a broken one")]
pub struct NotHttp;

const FORBIDDEN_HEADER: Error = Error::Malformed("A header has a name or a value that HTTP does not permit.");
const FORBIDDEN_METHOD: Error = Error::Malformed("The method is none that HTTP permits.");
const UNREADABLE: Error = Error::Malformed("A part of the request can not be read.");

/// One level of an event: its members, each still in JSON. Of members with the same name the last one counts.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads `event`, and returns the request with the verdict on its members. An event is an HTTP request if it has
/// `rawPath` or `requestContext.http` (an HTTP API, a Function URL), or else `httpMethod` (a REST API). `cargo lambda`
/// sends events of an HTTP API that have `httpMethod` as well.
pub(super) fn read(event: &str) -> Result<(LambdaRequest, Result<(), Error>), NotHttp> {
    let text = without_unpaired_surrogates(event);
    let verdict = if matches!(text, Cow::Owned(_)) { Err(UNREADABLE) } else { Ok(()) };
    let mut reader = Reader { verdict };
    let event: Members = serde_json::from_str(&text).map_err(|_| NotHttp)?;
    let context = members_of(&event, "requestContext");
    let request = if is_present(&event, "rawPath") || is_present(&context, "http") {
        LambdaRequest::ApiGatewayV2(reader.http_api_request(&event, &context))
    } else if is_present(&event, "httpMethod") && !is_present(&context, "elb") {
        LambdaRequest::ApiGatewayV1(reader.rest_api_request(&event, &context))
    } else {
        return Err(NotHttp);
    };
    Ok((request, reader.verdict))
}

/// The values of a name: a REST API's events have one as text and several as a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Values {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

/// Reads members, and remembers the error of the first one that it had to leave out.
struct Reader {
    verdict: Result<(), Error>,
}

impl Reader {
    fn http_api_request(&mut self, event: &Members, context: &Members) -> ApiGatewayV2httpRequest {
        let mut request = ApiGatewayV2httpRequest::default();
        request.raw_path = self.read(event, "rawPath");
        request.raw_query_string = self.read(event, "rawQueryString");
        request.cookies = self.read(event, "cookies");
        request.headers = self.headers(event, "headers");
        request.body = self.read(event, "body");
        request.is_base64_encoded = self.read(event, "isBase64Encoded").unwrap_or_default();
        request.request_context = whole(event, "requestContext").unwrap_or_else(|| {
            let http = members_of(context, "http");
            let mut bare = ApiGatewayV2httpRequestContext::default();
            bare.domain_name = self.read(context, "domainName");
            bare.http.method = self.method(&http, "method");
            bare.http.path = self.read(&http, "path");
            bare.http.source_ip = self.read(&http, "sourceIp");
            bare
        });
        request
    }

    fn rest_api_request(&mut self, event: &Members, context: &Members) -> ApiGatewayProxyRequest {
        let mut request = ApiGatewayProxyRequest::default();
        request.path = self.read(event, "path");
        request.http_method = self.method(event, "httpMethod");
        // Headers come twice, with single and with multiple values; those with multiple values are complete.
        request.multi_value_headers = self.headers(event, "multiValueHeaders");
        if request.multi_value_headers.is_empty() {
            request.headers = self.headers(event, "headers");
        }
        request.multi_value_query_string_parameters = self.query(event, "multiValueQueryStringParameters");
        request.query_string_parameters = self.query(event, "queryStringParameters");
        request.body = self.read(event, "body");
        request.is_base64_encoded = self.read(event, "isBase64Encoded").unwrap_or_default();
        request.request_context = whole(event, "requestContext").unwrap_or_else(|| {
            let mut bare = ApiGatewayProxyRequestContext::default();
            bare.path = self.read(context, "path");
            bare.identity.source_ip = self.read(&members_of(context, "identity"), "sourceIp");
            bare
        });
        request
    }

    /// A member of the type `T`. Null counts as absent.
    fn read<T: DeserializeOwned>(&mut self, members: &Members, name: &str) -> Option<T> {
        let value = members.get(name)?;
        serde_json::from_str(value.get()).unwrap_or_else(|_| {
            self.refuse(UNREADABLE);
            None
        })
    }

    fn headers(&mut self, members: &Members, name: &str) -> HeaderMap {
        let lines: BTreeMap<String, Option<Values>> = self.read(members, name).unwrap_or_default();
        let mut headers = HeaderMap::new();
        for (name, values) in lines {
            for value in values.into_iter().flat_map(Values::into_vec) {
                // A map takes 32,768 headers.
                let added = match (HeaderName::try_from(&name), HeaderValue::try_from(value)) {
                    (Ok(name), Ok(value)) => headers.try_append(name, value).is_ok(),
                    _ => false,
                };
                if !added {
                    self.refuse(FORBIDDEN_HEADER);
                }
            }
        }
        headers
    }

    /// The parameters of a query, without those that have no value at all: `QueryMap` has no use for them.
    fn query(&mut self, members: &Members, name: &str) -> QueryMap {
        let parameters: HashMap<String, Option<Values>> = self.read(members, name).unwrap_or_default();
        let parameters = parameters.into_iter().filter_map(|(name, values)| Some((name, values?.into_vec())));
        parameters.filter(|(_, values)| !values.is_empty()).collect::<HashMap<_, _>>().into()
    }

    /// The method. One that HTTP forbids is replaced by a safe one, and the request is refused anyway.
    fn method(&mut self, members: &Members, name: &str) -> Method {
        let method: Option<String> = self.read(members, name);
        method.and_then(|method| method.parse().ok()).unwrap_or_else(|| {
            self.refuse(FORBIDDEN_METHOD);
            Method::GET
        })
    }

    fn refuse(&mut self, error: Error) {
        if self.verdict.is_ok() {
            self.verdict = Err(error);
        }
    }
}

/// The whole member as `lambda_http` reads it: with what authorizers and later members say, which a function may want.
fn whole<T: DeserializeOwned>(members: &Members, name: &str) -> Option<T> {
    serde_json::from_str(members.get(name)?.get()).ok()
}

/// The members of an object; none if it is something else.
fn members_of<'a>(members: &Members<'a>, name: &str) -> Members<'a> {
    members.get(name).and_then(|object| serde_json::from_str(object.get()).ok()).unwrap_or_default()
}

fn is_present(members: &Members, name: &str) -> bool {
    members.get(name).is_some_and(|value| value.get() != "null")
}

/// `json`, which is valid, with U+FFFD instead of each escape of a surrogate that has no partner. JSON permits them
/// (RFC 8259 §8.2), and text in Rust does not.
fn without_unpaired_surrogates(json: &str) -> Cow<'_, str> {
    let (mut replaced, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = json[at..].find('\\') {
        let escape = at + found;
        at = match (code_unit(json, escape), code_unit(json, escape + 6)) {
            // Another escape: the backslash and one ASCII character.
            (None, _) => escape + 2,
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                replaced.push_str(&json[copied..escape]);
                replaced.push('\u{fffd}');
                copied = escape + 6;
                copied
            }
            (Some(_), _) => escape + 6,
        };
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    replaced.push_str(&json[copied..]);
    Cow::Owned(replaced)
}

/// The UTF-16 code unit that the escape `\uXXXX` at `position` stands for.
fn code_unit(json: &str, position: usize) -> Option<u16> {
    let digits = json.get(position..position + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unpaired_surrogates_are_replaced() {
        for (json, expected) in [
            (r#""\ud800""#, "\"\u{fffd}\""),
            (
                r#""\uDC00 \ud83e\udd80 \ud83e\ud83e\udd80""#,
                "\"\u{fffd} \\ud83e\\udd80 \u{fffd}\\ud83e\\udd80\"",
            ),
            (r#""a\udfff\"""#, "\"a\u{fffd}\\\"\""),
        ] {
            assert_eq!(without_unpaired_surrogates(json), expected, "{json}");
        }
        for json in [r#""\\ud800""#, r#""\u00e9\n\ud83e\udd80""#, r#""\\""#, "\"é🦀\"", "{}"] {
            assert!(matches!(without_unpaired_surrogates(json), Cow::Borrowed(_)), "{json}");
        }
    }

    #[test]
    fn an_event_is_of_the_format_whose_members_it_has() {
        let format = |event: &str| match read(event).map(|(request, _)| request) {
            Ok(LambdaRequest::ApiGatewayV1(_)) => "REST API",
            Ok(LambdaRequest::ApiGatewayV2(_)) => "HTTP API",
            _ => "none",
        };
        for (event, expected) in [
            (r#"{"httpMethod":"GET","requestContext":{"httpMethod":"GET"}}"#, "REST API"),
            (r#"{"httpMethod":"GET"}"#, "REST API"),
            (r#"{"httpMethod":"GET","rawPath":"/","requestContext":{"http":{"method":"GET"}}}"#, "HTTP API"),
            (r#"{"requestContext":{"http":{"method":"GET"}}}"#, "HTTP API"),
            (r#"{"rawPath":null,"httpMethod":null,"requestContext":{"http":null}}"#, "none"),
            (r#"{"httpMethod":"GET","requestContext":{"elb":{"targetGroupArn":"arn"}}}"#, "none"),
            (r#"{"requestContext":{"eventType":"CONNECT","connectionId":"id"}}"#, "none"),
        ] {
            assert_eq!(format(event), expected, "{event}");
        }
    }

    #[test]
    fn more_headers_than_a_map_holds_are_refused() {
        let headers: BTreeMap<_, _> = (0..40_000).map(|n| (format!("h{n}"), "v")).collect();
        let event = serde_json::json!({"rawPath": "/", "headers": headers});
        assert_eq!(read(&event.to_string()).unwrap().1, Err(FORBIDDEN_HEADER));
    }
}
