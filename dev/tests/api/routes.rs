//! The code, the local router, the local stack and the `OpenAPI` description agree on routes, variables and failures.

use std::collections::{BTreeMap, BTreeSet};

use probe::Probe;
use serde_json::Value;
use shared::config::Env;
use shared::lambda::function::Function as _;
use stack::cache_users::ADMIN_VARIABLE;
use testkit::functions::{Description, describe_all};
use testkit::{TestContext, stack_variables};

async fn descriptions() -> Vec<Description> {
    let context = TestContext::new().await;
    describe_all(|| context.env()).unwrap()
}

/// Paths that the router has in addition to those of the code, and the functions that serve them.
const ALIASES: &[(&str, &str)] = &[
    ("/books/", "books"),
    ("/docs/", "system"),
    // part of rl-demo, bf-demo
    ("/playground/", "system"),
    // end of part
    ("/{*unknown}", "system"),
];

#[tokio::test]
async fn the_local_router_serves_the_paths_of_the_code() {
    let manifest = include_str!("../../../Cargo.toml").parse::<toml::Table>().unwrap();
    let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let local: BTreeMap<_, _> = router
        .as_table()
        .unwrap()
        .iter()
        .map(|(path, function)| (path.as_str(), function.as_str().unwrap()))
        .collect();
    let descriptions = descriptions().await;
    let mut code: BTreeMap<&str, &str> = ALIASES.iter().copied().collect();
    for function in &descriptions {
        code.extend(function.openapi.paths.paths.keys().map(|path| (path.as_str(), function.name)));
    }
    assert_eq!(local, code, "left: [workspace.metadata.lambda.watch.router] in Cargo.toml; right: the code");
}

#[tokio::test]
async fn every_crate_in_functions_is_a_listed_function() {
    let described: BTreeSet<_> =
        descriptions().await.into_iter().map(|function| function.name.to_owned()).collect();
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions")).unwrap();
    let crates = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(described, crates);
}

#[tokio::test]
async fn operation_ids_are_unique_and_every_operation_documents_its_failures() {
    let mut ids = BTreeSet::new();
    for function in descriptions().await {
        let document = serde_json::to_value(&function.openapi).unwrap();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} is used twice");
                let statuses: BTreeSet<_> =
                    operation["responses"].as_object().unwrap().keys().cloned().collect();
                assert!(statuses.contains("429") || path == "/health", "{method} {path} documents no 429");
                let signed_in = !operation["security"].is_null();
                assert_eq!(statuses.contains("401"), signed_in, "{method} {path}: 401 against security");
                let has_body = !operation["requestBody"].is_null();
                assert_eq!(statuses.contains("415"), has_body, "{method} {path}: 415 against a body");
            }
        }
    }
}

/// All responses of the description, with their operations and statuses.
fn responses<'a>(document: &'a Value) -> Vec<(String, &'a str, &'a Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    let responses = operations.flat_map(|(name, operation)| {
        let responses = operation["responses"].as_object().unwrap().iter();
        let resolve = |response: &'a Value| match response["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => response,
        };
        responses.map(move |(status, response)| (name.clone(), status.as_str(), resolve(response)))
    });
    responses.collect()
}

#[test]
fn the_openapi_description_has_the_headers_and_the_body_of_every_failure() {
    let document = serde_json::to_value(testkit::openapi::openapi()).unwrap();
    for (operation, status, response) in responses(&document) {
        let context = format!("{operation} {status}");
        let has = |name: &str| !response["headers"][name].is_null();
        let is_private = operation.contains(" /auth/");
        assert_eq!(
            has("RateLimit") && has("RateLimit-Policy"),
            operation != "get /health",
            "{context}: quota"
        );
        let waits = ["409", "429", "503"].contains(&status);
        assert_eq!(has("Retry-After"), waits, "{context}: Retry-After");
        assert_eq!(has("WWW-Authenticate"), ["401", "403"].contains(&status), "{context}: WWW-Authenticate");
        assert_eq!(has("Cache-Control"), is_private || status >= "400", "{context}: Cache-Control");
        let problem = &response["content"]["application/problem+json"];
        assert_eq!(!problem.is_null(), status >= "400", "{context}: a problem");
        if status >= "400" {
            assert_eq!(problem["example"]["status"].to_string(), status, "{context}: the example");
            let oauth = ["/auth/login", "/auth/refresh", "/auth/revoke"];
            let oauth = oauth.iter().any(|path| operation.ends_with(path));
            assert_eq!(!problem["example"]["error"].is_null(), oauth, "{context}: RFC 6749 §5.2");
        }
    }
}

/// The text of all migrations. They give a role to each function that uses the database and is no `maintenance`.
fn migrations() -> String {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).unwrap();
    folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[tokio::test]
async fn a_function_reads_only_the_variables_that_it_needs() {
    let migrations = migrations();
    let has_role = |name: &str| migrations.contains(&format!("'bookshelf_{}'", name.replace('-', "_")));
    for function in descriptions().await {
        let reads = |name: &str| function.variables.contains(name);
        let uses_database = function.name == maintenance::NAME || has_role(function.name);
        assert_eq!(reads("DATABASE_URL"), uses_database, "{}", function.name);
        for secret in ["JWT_PRIVATE_KEY", "PASSWORD_PEPPER", "SECRET_ARN"] {
            assert_eq!(reads(secret), function.name == "auth", "{}: {secret}", function.name);
        }
        // Those who are signed in write, and may repeat a write.
        for name in ["IDEMPOTENCY_TABLE", "JWT_PUBLIC_KEYS"] {
            assert_eq!(reads(name), ["auth", "books"].contains(&function.name), "{}: {name}", function.name);
        }
    }
}

/// Variables that the stack sets for others than the functions: for the AWS SDK, for users of the local API, and for
/// whoever issues tokens.
const FOR_OTHERS: &[&str] = &[
    "JWT_PRIVATE_KEY",
    "PASSWORD_PEPPER",
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    // part of auth
    "ADMIN_PASSWORD",
    "ADMIN_USERNAME",
    // end of part
];

#[test]
fn the_local_stack_sets_every_variable_that_functions_need_and_no_unused_one() {
    let mut set = stack_variables();
    // For those who look into Redis; not set for a server that is not the stack's.
    set.remove(ADMIN_VARIABLE);
    let descriptions = describe_all(|| Env::of(set.clone())).expect("the stack sets all that is needed");
    let probe = Env::of(set.clone());
    Probe::from_env(&probe).expect("the stack sets all that is needed");
    let read: BTreeSet<_> =
        descriptions.into_iter().flat_map(|function| function.variables).chain(probe.asked()).collect();
    let is_unused = |name: &&String| !read.contains(*name) && !FOR_OTHERS.contains(&name.as_str());
    let unread: Vec<_> = set.keys().filter(is_unused).collect();
    assert_eq!(unread, [""; 0], "set by the stack, and read by no function");
    let not_set: Vec<_> = FOR_OTHERS.iter().copied().filter(|name| !set.contains_key(*name)).collect();
    assert_eq!(not_set, [""; 0], "not set by the stack any more");
}

/// Variables without which some function does not start.
const NEEDED: &[&str] = &[
    "DATABASE_URL",
    "REDIS_URL",
    "JWT_PUBLIC_KEYS",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    // part of auth
    "JWT_PRIVATE_KEY",
    "PASSWORD_PEPPER",
    // end of part
    "IDEMPOTENCY_TABLE",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
];

#[tokio::test]
async fn a_function_without_a_required_variable_does_not_start_and_names_it() {
    let context = TestContext::new().await;
    for &name in NEEDED {
        for value in ["", "\u{1}nonsense"] {
            let value_of = |other: &str| if other == name { value } else { context.variable(other) };
            let env = || Env::of(NEEDED.iter().map(|other| (*other, value_of(other))));
            let any_text_will_do =
                ["JWT_ISSUER", "JWT_AUDIENCE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name);
            match describe_all(env).and_then(|_| Probe::from_env(&env()).map(drop)) {
                Ok(()) => assert!(any_text_will_do && !value.is_empty(), "{name}={value:?} was accepted"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.starts_with(name) && !error.contains("nonsense"), "{error}");
                }
            }
        }
    }
}

#[test]
fn openapi_json_is_the_description_that_the_code_generates() {
    let (written, code) = (include_str!("../../../openapi.json"), testkit::openapi::openapi_json());
    let difference = written.lines().zip(code.lines()).find(|(written, code)| written != code);
    assert_eq!(difference, None, "left: openapi.json; right: the code; renew it with `cargo xtask openapi`");
    assert_eq!(written.lines().count(), code.lines().count());
}

#[test]
fn every_reference_in_the_openapi_description_resolves() {
    let document = serde_json::to_value(testkit::openapi::openapi()).unwrap();
    let text = document.to_string();
    for reference in text.split(r##""$ref":"#"##).skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

/// All members called `pattern` of a description, with the schema that each is in.
fn patterns(value: &Value) -> Vec<(&str, &Value)> {
    let inner: Vec<_> = match value {
        Value::Object(members) => members.values().flat_map(patterns).collect(),
        Value::Array(items) => items.iter().flat_map(patterns).collect(),
        _ => Vec::new(),
    };
    value["pattern"].as_str().map(|pattern| (pattern, value)).into_iter().chain(inner).collect()
}

#[test]
fn every_pattern_is_one_that_all_engines_understand() {
    let text = include_str!("../../../openapi.json");
    assert!(
        text.chars().all(|character| character == '\n' || !character.is_control()),
        "YAML can't hold those"
    );
    let document: Value = serde_json::from_str(text).unwrap();
    let patterns = patterns(&document);
    // part of auth and books
    assert!(patterns.len() > 10, "{patterns:?}");
    // end of part
    for (pattern, schema) in patterns {
        let compiled = regex::Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        // Of escapes, JSON Schema (core §6.4) recommends none but those of characters. The regex crate knows more.
        let classes: Vec<_> = pattern.match_indices('\\').map(|(at, _)| &pattern[at + 1..at + 2]).collect();
        assert!(classes.iter().all(|escape| !escape.chars().all(char::is_alphanumeric)), "{pattern}");
        assert!(!pattern.contains("(?"), "{pattern}");
        for example in schema["examples"].as_array().into_iter().flatten().chain(schema.get("example")) {
            assert!(example.as_str().is_some_and(|text| compiled.is_match(text)), "{pattern}: {example}");
        }
    }
}
