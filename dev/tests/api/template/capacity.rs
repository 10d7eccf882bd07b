//! The numbers in the template fit one another: connections, concurrency, timeouts, processors.

use serde_json::Value;

use super::document::{Template, strings};

/// The longest that API Gateway waits for a function, in seconds.
const GATEWAY_TIMEOUT: i64 = 30;

/// The connections that Aurora permits by default at one capacity unit, by its documentation; half of them are for AWS.
const CONNECTIONS_AT_ONE_UNIT: f64 = 189.0;

/// For AWS' own connections, `maintenance` by hand, and an operator with `psql`.
const SPARE_CONNECTIONS: i64 = 15;

/// The memory at which Lambda gives a whole processor, in MB.
const WHOLE_PROCESSOR: i64 = 1769;

#[test]
fn the_database_has_a_connection_for_every_execution() {
    let template = Template::read();
    let functions = template.functions();
    let with_database = functions.iter().filter(|function| function.variables().contains("DATABASE_URL"));
    // One connection for each execution, since no environment serves two requests at once.
    assert!(functions.iter().all(|function| !function.variables().contains("AWS_LAMBDA_MAX_CONCURRENCY")));
    let executions: i64 = with_database.map(super::document::Function::reserved).sum();
    let parameters = &template.resource("DatabaseParameters")["Parameters"];
    let permitted: i64 = parameters["max_connections"].as_str().unwrap().parse().unwrap();
    // Twice, since after a deployment environments of both versions have connections, until `idle_session_timeout`.
    assert!(2 * executions + SPARE_CONNECTIONS <= permitted, "{executions} executions, {permitted}");
    for (environment, settings) in template.environments("Environments") {
        let most = number(settings, "DatabaseMaxCapacity");
        let suffices = f64::from(i32::try_from(permitted).unwrap()) <= most * CONNECTIONS_AT_ONE_UNIT;
        assert!(suffices, "{environment}: {permitted} at {most} capacity units");
    }
}

/// A setting that is a number.
fn number(settings: &Value, name: &str) -> f64 {
    settings[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name}: {settings}"))
}

#[test]
fn the_reserved_concurrency_fits_into_the_quota_that_is_named() {
    let template = Template::read();
    let reserved: i64 = template.functions().iter().map(super::document::Function::reserved).sum();
    // Lambda requires that a hundred remain unreserved.
    let needed = reserved + 100;
    for text in [include_str!("../../../../template.yaml"), include_str!("../../../../docs/RUNBOOK.md")] {
        let named = text.split("quota of ").nth(1).unwrap().split_whitespace().next().unwrap();
        assert!(needed <= named.parse().unwrap(), "{needed} are needed, {named} are named");
    }
}

#[test]
fn every_route_is_throttled_and_some_below_the_default() {
    let template = Template::read();
    let api = template.resource("Api");
    let limits = |settings: &Value| {
        ["ThrottlingRateLimit", "ThrottlingBurstLimit"].map(|name| settings[name].as_i64().unwrap())
    };
    let [rate, burst] = limits(&api["DefaultRouteSettings"]);
    assert!(rate > 0 && burst > 0, "no request is let through");
    for (route, settings) in api["RouteSettings"].as_object().unwrap() {
        let [route_rate, route_burst] = limits(settings);
        assert!((1..rate).contains(&route_rate) && (1..burst).contains(&route_burst), "{route}");
    }
}

#[test]
fn every_function_times_out_before_the_gateway() {
    for function in Template::read().functions() {
        let behind_gateway = !["maintenance", "smoke-test"].contains(&function.binary);
        let timeout = function.number("Timeout");
        assert_eq!(timeout < GATEWAY_TIMEOUT, behind_gateway, "{}: {timeout} s", function.binary);
    }
}

#[test]
fn only_the_function_that_hashes_passwords_has_a_whole_processor() {
    let template = Template::read();
    for function in template.functions() {
        let whole = function.number("MemorySize") >= WHOLE_PROCESSOR;
        assert_eq!(whole, function.binary == "auth", "{}", function.binary);
    }
    // part of auth
    let auth = template.function("auth");
    assert!(!auth.variables().contains("BCRYPT_COST"), "the arithmetic here is for the default, 12");
    // Milliseconds a hash takes on a whole processor at cost 12, rounded up.
    let hash = 250;
    assert!(
        2 * hash * 10 <= auth.number("Timeout") * 1000,
        "a change of password, ten times slower than measured"
    );
    // end of part
}

#[test]
fn the_alarms_on_duration_trigger_at_four_fifths_of_the_timeout() {
    let template = Template::read();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        if alarm["MetricName"] == "Duration" {
            let resource = alarm["Dimensions"][0]["Value"]["Ref"].as_str().unwrap();
            let functions = template.functions();
            let watched = template.resource(resource);
            let function = functions.iter().find(|function| function.properties == watched).unwrap();
            assert_eq!(alarm["Threshold"], Value::from(function.number("Timeout") * 800), "{name}");
        }
    }
}

#[test]
fn a_task_that_fails_for_good_waits_in_a_queue_and_a_step_outlives_its_function() {
    let template = Template::read();
    let maintenance = template.function("maintenance");
    let invoked = &maintenance.properties["EventInvokeConfig"];
    assert_eq!(invoked["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"], "FailedTasks.Arn");
    for step in ["Migrate", "Settings", "SigningKeys", "OriginSecretDigests"] {
        let timeout = template.resource(step)["ServiceTimeout"].as_i64().unwrap();
        assert!(timeout > maintenance.number("Timeout"), "{step} times out while it runs");
    }
}

#[test]
fn each_environment_has_settings_that_suit_each_other() {
    let template = Template::read();
    for (environment, settings) in template.environments("Environments") {
        let is = |name: &str, value: &str| settings[name] == value;
        let flags = ["DatabaseProxy", "DeletionProtection", "ReserveConcurrency", "CloseGatewayName"];
        assert!(flags.iter().all(|name| is(name, "true") || is(name, "false")), "{environment}: {settings}");
        let [least, most] = ["DatabaseMinCapacity", "DatabaseMaxCapacity"].map(|name| number(settings, name));
        assert!(least <= most && most >= 1.0, "{environment}");
        assert!(!is("DatabaseProxy", "true") || least > 0.0, "{environment}: a proxy never lets it pause");
        assert!((300.0..=86_400.0).contains(&number(settings, "DatabasePauseAfter")), "{environment}");
        assert_ne!(settings["FirstZone"], settings["SecondZone"], "{environment}");
        assert_eq!(is("DomainName", ""), is("CertificateArn", ""), "{environment}");
        assert!(["none", "prepared", "only"].iter().any(|choice| is("CloudFront", choice)), "{environment}");
        let closed = is("CloseGatewayName", "true");
        assert!(!closed || !is("DomainName", ""), "{environment}: no way is left");
        assert!(!closed || is("CloudFront", "none"), "{environment}: CloudFront needs the gateway's name");
        assert!(["Active", "PassThrough"].iter().any(|mode| is("Tracing", mode)), "{environment}");
        assert!(
            number(settings, "Budget") > 0.0 && number(settings, "LogRetentionDays") > 0.0,
            "{environment}"
        );
    }
}

/// The values that must be given, or left out, together.
#[test]
fn existing_stores_are_described_completely() {
    let template = Template::read();
    for (environment, existing) in template.environments("Existing") {
        let given = |name: &str| !strings(&existing[name]).concat().is_empty();
        for (name, needed) in [
            ("VpcId", &["SubnetIds", "FunctionSecurityGroupId"][..]),
            ("DatabaseHost", &["DatabaseResourceId", "VpcId"]),
            ("CacheHost", &["CacheName", "CacheUserId", "VpcId"]),
            ("SigningSecretArn", &["JwtPublicKeys"]),
        ] {
            for other in needed {
                assert!(!given(name) || given(other), "{environment}: {name} needs {other}");
            }
        }
        let secret = given("SigningSecretArn");
        assert_eq!(secret, given("JwtPublicKeys"), "{environment}: keys belong to the secret");
        assert!(given("DatabaseName") && given("DatabaseAdmin"), "{environment}");
    }
}
