//! `template.yaml` and the code agree on routes, variables, binaries and permissions.
//!
//! Tests of the template alone (capacity, alarms, deployment) are in `template/`.

mod alarms;
pub(crate) mod cache_users;
mod capacity;
mod deployment;
pub(crate) mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::TestContext;
use testkit::functions::{Description, FUNCTIONS, describe_all};

use document::{Template, strings};

/// The descriptions of all functions with settings like those in the template. No store is contacted.
async fn descriptions() -> Vec<Description> {
    let context = TestContext::new()
        .await
        .with("DATABASE_URL", "postgres://user@db.example:5432/bookshelf?sslmode=verify-full")
        .with("DATABASE_AUTH", "iam")
        .with("REDIS_URL", "rediss://user@cache.example:6379")
        .with("REDIS_AUTH", "iam")
        .with("REDIS_CACHE_NAME", "bookshelf")
        .with("SECRET_ARN", "arn");
    describe_all(|| context.env()).unwrap()
}

/// Routes for `/books/` and its like; a comment in the template says why.
const ALIASES: &[(&str, &str)] = &[
    ("/books/{proxy+}", "books"),
    ("/docs/{proxy+}", "system"),
    // part of rl-demo, bf-demo
    ("/playground/{proxy+}", "system"),
    // end of part
];

#[tokio::test]
async fn the_gateway_routes_the_paths_of_the_code_and_no_other() {
    let template = Template::read();
    let mut routed = BTreeMap::new();
    for function in template.functions() {
        for event in function.properties["Events"].as_object().into_iter().flat_map(|events| events.values())
        {
            if event["Type"] == "HttpApi" {
                let route = &event["Properties"];
                assert_eq!(route["Method"], "ANY", "the function decides on methods: {route}");
                routed.insert(route["Path"].as_str().unwrap(), function.binary);
            }
        }
    }
    let descriptions = descriptions().await;
    let mut code: BTreeMap<_, _> = ALIASES.iter().copied().collect();
    for function in &descriptions {
        code.extend(function.openapi.paths.paths.keys().map(|path| (path.as_str(), function.name)));
    }
    assert_eq!(routed, code, "left: Events in template.yaml; right: the code");
    // A route that has settings can't be removed in one deployment, and the demonstrations come and go.
    for route in template.resource("Api")["RouteSettings"].as_object().unwrap().keys() {
        assert_eq!(code.get(route.trim_start_matches("ANY ")), Some(&"system"), "{route}");
    }
}

#[test]
fn every_function_is_deployed() {
    let template = Template::read();
    let deployed: BTreeSet<_> = template.functions().iter().map(|function| function.binary).collect();
    assert_eq!(deployed, FUNCTIONS.iter().map(|function| function.name).collect());
}

/// Variables without which a function that reads them does not start.
const NEEDED: [&str; 10] = [
    "DATABASE_URL",
    "DATABASE_AUTH",
    "IDEMPOTENCY_TABLE",
    "REDIS_URL",
    "REDIS_AUTH",
    "REDIS_CACHE_NAME",
    "JWT_PUBLIC_KEYS",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "SECRET_ARN",
];

#[tokio::test]
async fn each_function_gets_the_variables_that_it_reads() {
    let template = Template::read();
    let mut unread = BTreeSet::new();
    for function in descriptions().await {
        let given = template.function(function.name).variables();
        let secrets = ["JWT_PRIVATE_KEY", "PASSWORD_PEPPER"];
        assert!(!given.iter().any(|name| secrets.contains(name)), "{} is given a secret", function.name);
        for name in NEEDED {
            let reads = function.variables.contains(name);
            assert!(!reads || given.contains(name), "{} is not given {name}", function.name);
        }
        // `telemetry` reads these, before the function starts.
        let early = ["LOG_LEVEL", "STACK_NAME"];
        let unasked =
            given.iter().filter(|name| !early.contains(name) && !function.variables.contains(**name));
        unread.extend(unasked.map(|name| (*name).to_owned()));
    }
    assert!(unread.is_empty(), "given and read by no function: {unread:?}");
}

/// Actions of AWS, and the words in the code that call them.
const ACTIONS: [(&str, &[&str]); 16] = [
    ("codedeploy:PutLifecycleEventHookExecutionStatus", &[".put_lifecycle_event_hook_execution_status()"]),
    ("dynamodb:BatchWriteItem", &["batch_write_item(", "BatchWriteItem"]),
    ("dynamodb:DeleteItem", &[".delete_item(", "DeleteItem"]),
    ("dynamodb:GetItem", &[".get_item(", "GetItem"]),
    ("dynamodb:PutItem", &[".put_item(", "PutItem"]),
    ("dynamodb:Query", &["DynamoDB_20120810.Query"]),
    ("dynamodb:Scan", &[".scan()", "DynamoDB_20120810.Scan"]),
    ("dynamodb:TransactWriteItems", &["transact_write_items(", "TransactWriteItems"]),
    ("dynamodb:UpdateItem", &[".update_item(", "UpdateItem"]),
    ("elasticache:Connect", &["\"REDIS_AUTH\""]),
    ("lambda:InvokeFunction", &[".invoke()"]),
    ("rds-db:connect", &["\"DATABASE_AUTH\""]),
    ("secretsmanager:DescribeSecret", &["client.versions("]),
    ("secretsmanager:GetSecretValue", &["secrets::resolve", "client.read(", "secret.read("]),
    ("secretsmanager:PutSecretValue", &["client.write("]),
    ("secretsmanager:UpdateSecret", &[".update_secret(", "UpdateSecret"]),
];

/// The variable that enables the calls of an action in `shared`. Calls to Secrets Manager are in the functions.
fn gate(action: &str) -> Option<&'static str> {
    match action.split(':').next().unwrap() {
        "dynamodb" => Some("IDEMPOTENCY_TABLE"),
        "elasticache" => Some("REDIS_AUTH"),
        "rds-db" => Some("DATABASE_AUTH"),
        _ => None,
    }
}

#[tokio::test]
async fn a_role_permits_exactly_the_actions_that_its_function_calls() {
    let template = Template::read();
    let shared = source("shared");
    let mut uncalled = BTreeSet::new();
    for function in descriptions().await {
        let own = source(&format!("functions/{}/src", function.name));
        let does = |action: &str, words: &[&str]| {
            let in_shared = gate(action).is_some_and(|variable| function.variables.contains(variable));
            words.iter().any(|word| own.contains(word) || in_shared && shared.contains(word))
        };
        let done: BTreeSet<_> =
            ACTIONS.iter().filter(|(action, words)| does(action, words)).map(|(action, _)| *action).collect();
        let statements = template.function(function.name).statements();
        let permitted: BTreeSet<_> =
            statements.iter().flat_map(|statement| strings(&statement["Action"])).collect();
        let missing: Vec<_> = done.difference(&permitted).collect();
        assert!(missing.is_empty(), "{} does what its role does not permit: {missing:?}", function.name);
        uncalled.extend(permitted.difference(&done).map(|action| (*action).to_owned()));
    }
    assert!(uncalled.is_empty(), "permitted and called by no function: {uncalled:?}");
}

/// The test above looks for known actions only; this one looks for all calls.
#[test]
fn every_sdk_call_is_among_the_actions() {
    for (service, folder) in
        [("dynamodb", "shared/idempotency/src"), ("secretsmanager", "shared/secrets/src")]
    {
        let code: String = source(folder).split_whitespace().collect();
        let calls = code.split("client().").skip(1).map(|rest| rest.split('(').next().unwrap());
        let calls: BTreeSet<_> = calls.map(|call| format!("{service}:{}", camel_case(call))).collect();
        assert!(!calls.is_empty());
        for call in calls {
            assert!(ACTIONS.iter().any(|(action, _)| *action == call), "{folder} calls {call}");
        }
    }
    // Its clients are `self.client` in three files; no other code of the function calls one.
    let smoke_test = source("functions/smoke-test/src");
    let calls = smoke_test.split("self.client.").skip(1).map(|rest| rest.split('(').next().unwrap());
    let calls: BTreeSet<_> = calls.collect();
    assert_eq!(calls, BTreeSet::from(["invoke", "put_lifecycle_event_hook_execution_status", "read"]));
    for folder in ["shared/src", "functions"] {
        let code = source(folder);
        let expected = if folder == "functions" { smoke_test.matches("aws_sdk_").count() } else { 0 };
        assert_eq!(code.matches("aws_sdk_").count(), expected, "{folder} calls AWS by itself");
    }
}

fn camel_case(words: &str) -> String {
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    words.split('_').map(capitalised).collect()
}

/// The code below `folder` as one text, without comments and modules of tests.
fn source(folder: &str) -> String {
    let mut text = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|name| ["testing", "tests"].contains(&name.to_str().unwrap())) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = fs::read_to_string(&path).unwrap();
                text.extend(code.lines().filter(|line| !line.trim_start().starts_with("//")));
            }
        }
    }
    text
}

/// The roles of the functions that are given a database, but of `maintenance`, which is its administrator.
fn database_users(template: &Template) -> BTreeSet<String> {
    let functions = template.functions();
    let with_database = functions.iter().filter(|function| {
        function.binary != maintenance::NAME && function.variables().contains("DATABASE_URL")
    });
    with_database.map(|function| format!("bookshelf_{}", function.binary.replace('-', "_"))).collect()
}

#[test]
fn every_permission_names_its_actions_and_resources() {
    let template = Template::read();
    let mut users = BTreeSet::new();
    for function in template.functions() {
        for statement in function.statements() {
            assert_eq!(statement["Effect"], "Allow");
            let actions = strings(&statement["Action"]);
            assert!(actions.iter().all(|action| !action.contains('*')), "{}: {actions:?}", function.binary);
            let resource = statement["Resource"].to_string();
            assert!(!resource.contains('*'), "{}: {resource}", function.binary);
            if actions == ["rds-db:connect"] {
                let user = resource.split("dbuser:${Id}/").nth(1).unwrap().split('"').next().unwrap();
                assert!(users.insert(user.to_owned()), "two functions use {user}");
                let url = function.properties["Environment"]["Variables"]["DATABASE_URL"].to_string();
                assert!(url.contains(&format!("postgres://{user}@")), "{}: {url}", function.binary);
            }
        }
    }
    assert!(users.remove("${Admin}"), "{users:?}");
    assert_eq!(users, database_users(&template));
}

#[test]
fn only_auth_may_read_the_secret_and_only_maintenance_may_write_it() {
    let template = Template::read();
    for function in template.functions() {
        let statements = function.statements();
        let actions: BTreeSet<_> =
            statements.iter().flat_map(|statement| strings(&statement["Action"])).collect();
        let may = |action: &str| actions.contains(format!("secretsmanager:{action}").as_str());
        // The secret of CloudFront, and no other.
        let reads_of_cloudfront = statements.iter().any(|statement| {
            statement["Action"] == "secretsmanager:GetSecretValue"
                && statement["Resource"]["Ref"] == "OriginSecret"
        });
        assert_eq!(reads_of_cloudfront, function.binary == "smoke-test", "{}", function.binary);
        let reads = ["auth", "smoke-test"].contains(&function.binary);
        assert_eq!(may("GetSecretValue"), reads, "{}", function.binary);
        assert_eq!(may("PutSecretValue"), function.binary == "maintenance", "{}", function.binary);
    }
}

/// Passwords in properties, and references that copy a secret into the deployed template.
#[test]
fn the_template_contains_no_secret_value() {
    let template = include_str!("../../../template.yaml");
    for word in
        ["NoEcho", "{{resolve:", "MasterUserPassword", "Passwords:", "AuthToken", "GenerateSecretString"]
    {
        assert!(!template.contains(word), "{word}");
    }
    // CloudFront itself must have the value, and can only be given a reference to it.
    let front = include_str!("../../../front.yaml");
    assert_eq!(front.matches("{{resolve:").count(), 1);
    assert!(front.contains("HeaderName: x-origin-secret"));
}

#[test]
fn every_log_group_has_the_chosen_retention() {
    let template = Template::read();
    let mut logs = BTreeSet::from(["AccessLog".to_owned()]);
    for function in template.functions() {
        let log = function.properties["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap();
        assert!(logs.insert(log.to_owned()), "{log} is the log of two");
    }
    let groups = template.of_type("AWS::Logs::LogGroup");
    assert_eq!(groups.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), logs);
    for (name, group) in groups {
        assert_eq!(group["RetentionInDays"]["Fn::FindInMap"][2], "LogRetentionDays", "{name}");
    }
}

#[test]
fn the_access_log_contains_no_query_no_header_and_no_path() {
    let template = Template::read();
    let format = template.resource("Api")["AccessLogSettings"]["Format"].as_str().unwrap();
    let line: Value = serde_json::from_str(format).expect("each line is a JSON object");
    let harmless = [
        "httpMethod",
        "identity.sourceIp",
        "integrationErrorMessage",
        "integrationLatency",
        "requestId",
        "requestTime",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    ];
    for value in line.as_object().unwrap().values() {
        let variable = value.as_str().unwrap().strip_prefix("$context.").unwrap();
        assert!(harmless.contains(&variable), "{variable} is logged");
    }
}
