//! The parts of a deployment match one another and the code: tasks, tables, endpoints, users and URLs.

use std::collections::BTreeSet;

use maintenance::Task;
use serde_json::{Value, json};

use super::document::{Template, strings};

#[test]
fn the_schedule_runs_a_purge() {
    let template = Template::read();
    let input = &template.function("maintenance").properties["Events"]["Purge"]["Properties"]["Input"];
    let task = serde_json::from_str(input.as_str().unwrap());
    assert!(matches!(task, Ok(Task::Purge {})), "{input}: {task:?}");
}

/// How `maintenance` handles these properties is tested in `deployments`.
#[test]
fn the_custom_resources_name_their_tasks_and_what_makes_them_run_again() {
    let template = Template::read();
    for (step, task) in [
        ("Migrate", "migrate"),
        ("Settings", "settings_digest"),
        ("SigningKeys", "keys"),
        ("OriginSecretDigests", "origin_secret"),
    ] {
        let step = template.resource(step);
        assert_eq!(step["Task"], task);
        assert_eq!(step["ServiceToken"], json!({"Fn::GetAtt": "MaintenanceFunction.Arn"}), "{task}");
    }
    let revision = json!({"Ref": "Revision"});
    for (step, secret) in [("SigningKeys", "SigningSecret"), ("OriginSecretDigests", "OriginSecret")] {
        let step = template.resource(step);
        assert_eq!((&step["SecretArn"], &step["Revision"]), (&json!({"Ref": secret}), &revision));
    }
    assert!(template.resource("Settings")["Values"].as_array().unwrap().contains(&revision));
    let migrate = template.resource("Migrate");
    assert!(migrate["Database"].is_object(), "another database is migrated as well");
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let version = |name: &String| name[1..].split_once("__").unwrap().0.parse::<u32>().unwrap();
    let newest = names.max_by_key(version).unwrap();
    assert_eq!(migrate["Newest"], newest.trim_end_matches(".sql"), "a deployment applies it");
}

/// The local stack takes these names from the code.
#[test]
fn the_table_has_the_key_and_the_expiry_attribute_of_the_records() {
    let template = Template::read();
    let table = template.resource("IdempotencyTable");
    assert_eq!(table["KeySchema"], json!([{"AttributeName": "id", "KeyType": "HASH"}]));
    let expiry = json!({"AttributeName": "expiration", "Enabled": true});
    assert_eq!(table["TimeToLiveSpecification"], expiry);
}

#[test]
fn the_vpc_endpoints_permit_exactly_the_actions_of_the_roles() {
    let template = Template::read();
    for (endpoint, service) in [
        // part of auth, books
        ("TableEndpoint", "dynamodb:"),
        // end of part
        ("SecretEndpoint", "secretsmanager:"),
    ] {
        let mut permitted = BTreeSet::new();
        for function in template.functions() {
            for statement in function.statements() {
                let actions = strings(&statement["Action"]);
                permitted.extend(
                    actions.into_iter().filter(|action| action.starts_with(service)).map(str::to_owned),
                );
            }
        }
        let statements = &template.resource(endpoint)["PolicyDocument"]["Statement"];
        let through: BTreeSet<_> = strings(&statements[0]["Action"]).into_iter().map(str::to_owned).collect();
        assert_eq!(statements.as_array().map(Vec::len), Some(1));
        assert_eq!(through, permitted, "left: {endpoint}; right: the roles");
    }
}

#[test]
fn the_database_requires_tls_and_encryption_and_has_timeouts() {
    let template = Template::read();
    let parameters = &template.resource("DatabaseParameters")["Parameters"];
    assert_eq!(parameters["rds.force_ssl"], "1");
    // Environments of an old version lose their connections, so that an idle database may pause.
    let millis = |name: &str| parameters[name].as_str().and_then(|text| text.parse::<u64>().ok());
    // The shortest wait before a pause that Aurora permits, in ms.
    let pause = 300_000;
    for name in ["idle_session_timeout", "idle_in_transaction_session_timeout", "statement_timeout"] {
        assert!(millis(name).is_some_and(|limit| (1..=pause).contains(&limit)), "{name}");
    }
    let database = template.resource("Database");
    assert_eq!(database["EnableIAMDatabaseAuthentication"], true);
    // A snapshot brings its encryption and its version, and refuses to be given others.
    let of_a_new_one = |value: Value| json!({"Fn::If": ["FromSnapshot", {"Ref": "AWS::NoValue"}, value]});
    assert_eq!(database["StorageEncrypted"], of_a_new_one(json!(true)));
    assert_eq!(database["EngineVersion"], of_a_new_one(json!("17.7")));
    // The authority of shared/src/stores/tls/roots/rds.pem.
    assert_eq!(template.resource("DatabaseInstance")["CACertificateIdentifier"], "rds-ca-rsa2048-g1");
}

#[test]
fn every_store_is_reached_with_tls_and_a_token() {
    let template = Template::read();
    for function in template.functions() {
        let variables = &function.properties["Environment"]["Variables"];
        for (url, auth, sign) in [
            ("DATABASE_URL", "DATABASE_AUTH", "?sslmode=verify-full\""),
            ("REDIS_URL", "REDIS_AUTH", "\"rediss://"),
        ] {
            let choices = variables[url].to_string();
            let urls = choices.matches("://").count();
            assert_eq!(choices.matches(sign).count(), urls, "{}: {choices}", function.binary);
            assert_eq!(variables[auth] == "iam", urls > 0, "{}: {auth}", function.binary);
        }
    }
}

#[test]
fn the_functions_use_the_database_proxy_and_maintenance_does_not() {
    let template = Template::read();
    let by_proxy = |binary: &str| {
        let url =
            template.function(binary).properties["Environment"]["Variables"]["DATABASE_URL"].to_string();
        url.contains("Proxy.Endpoint")
    };
    assert!(!by_proxy("maintenance"), "the lock of migrations belongs to a connection");
    let statement = &template.resource("ProxyRole")["Policies"][0]["PolicyDocument"]["Statement"][0];
    let users = statement["Resource"].as_array().unwrap().iter();
    let users = users.map(|arn| arn["Fn::Sub"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
    for user in users.clone() {
        assert!(by_proxy(&user.strip_prefix("bookshelf_").unwrap().replace('_', "-")), "{user}");
    }
    assert_eq!(users.collect::<BTreeSet<_>>(), super::database_users(&template));
}
