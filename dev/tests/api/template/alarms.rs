//! Alarms: every function has them, each can occur, notifies the operator and is explained in the runbook.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::telemetry::metrics::Metric;

use super::document::Template;

/// The name of the resource whose binary is `binary`, without `Function`.
fn prefix(template: &Template, binary: &str) -> String {
    let wanted = template.function(binary).properties;
    let functions = template.of_type("AWS::Serverless::Function");
    let (name, _) = functions.into_iter().find(|(_, properties)| *properties == wanted).unwrap();
    name.strip_suffix("Function").unwrap().to_owned()
}

#[test]
fn every_function_has_its_alarms_and_they_stop_a_deployment() {
    let template = Template::read();
    // A smoke test that fails ends its deployment, which says so.
    for function in template.functions().iter().filter(|function| function.binary != "smoke-test") {
        let (binary, prefix) = (function.binary, prefix(&template, function.binary));
        let name = json!({"Ref": format!("{prefix}Function")});
        let errors = template.resource(&format!("{prefix}Errors"));
        assert_eq!((&errors["Namespace"], &errors["MetricName"]), (&json!("AWS/Lambda"), &json!("Errors")));
        let alias = json!({"Fn::Sub": format!("${{{prefix}Function}}:live")});
        let mut dimensions = vec![json!({"Name": "FunctionName", "Value": name})];
        if binary != "maintenance" {
            dimensions.push(json!({"Name": "Resource", "Value": alias}));
        }
        assert_eq!(errors["Dimensions"], json!(dimensions), "{binary}");
        let deployment = &function.properties["DeploymentPreference"];
        if binary == "maintenance" {
            assert!(deployment.is_null(), "it takes over at once");
        } else {
            assert_eq!(deployment["Alarms"], json!([{"Ref": format!("{prefix}Errors")}]), "{binary}");
            let slow = template.resource(&format!("{prefix}Slow"));
            assert_eq!(slow["Dimensions"][0]["Value"], name, "{binary}");
        }
        let throttled = template.resource("Throttled")["Metrics"].as_array().unwrap();
        let counted = |metric: &Value| {
            let metric = &metric.pointer("/Fn::If/1").unwrap_or(metric)["MetricStat"]["Metric"];
            metric["MetricName"] == "Throttles" && metric["Dimensions"][0]["Value"] == name
        };
        assert!(throttled.iter().any(counted), "{binary} may be throttled unnoticed");
    }
}

#[test]
fn every_alarm_notifies_the_operator_and_is_explained_in_the_runbook() {
    let runbook = include_str!("../../../../docs/RUNBOOK.md");
    let rows: BTreeSet<_> =
        runbook.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let template = Template::read();
    let mut explained = BTreeSet::new();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let notified = json!({"Fn::If": ["HasAlarmEmail", [{"Ref": "Alarms"}], {"Ref": "AWS::NoValue"}]});
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&notified, &notified), "{name}");
        let fits =
            |row: &&&str| **row == name || row.strip_prefix('…').is_some_and(|end| name.ends_with(end));
        let row = rows.iter().find(fits).unwrap_or_else(|| panic!("the runbook does not know {name}"));
        explained.insert(*row);
    }
    let unknown: Vec<_> = rows.difference(&explained).collect();
    assert!(unknown.is_empty(), "the runbook explains alarms that do not exist: {unknown:?}");
}

#[test]
fn alarms_and_dashboard_use_the_metrics_of_the_code() {
    let template = Template::read();
    let names = Metric::ALL.map(Metric::name);
    let functions: BTreeSet<_> = template.functions().iter().map(|function| function.binary).collect();
    let mut used = BTreeSet::new();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let sums = alarm["Metrics"].as_array().into_iter().flatten();
        let sums = sums.map(|part| part.pointer("/Fn::If/1").unwrap_or(part));
        for metric in sums.map(|part| &part["MetricStat"]["Metric"]).chain([alarm]) {
            if metric["Namespace"] == "Bookshelf" {
                let waits_for = metric["MetricName"].as_str().unwrap();
                assert!(names.contains(&waits_for), "{name} waits for {waits_for}");
                let stack = json!({"Name": "stack", "Value": {"Ref": "AWS::StackName"}});
                let [of, function] = [&metric["Dimensions"][0], &metric["Dimensions"][1]];
                assert_eq!((of, &function["Name"]), (&stack, &json!("function")), "{name}");
                assert!(functions.contains(function["Value"].as_str().unwrap()), "{name}");
                used.insert(waits_for.to_owned());
            }
        }
    }
    let dashboard = template.resource("Dashboard")["DashboardBody"]["Fn::Sub"][0].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(dashboard).expect("a dashboard is JSON");
    for widget in dashboard["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            if metric[0] == "Bookshelf" {
                let stack = json!(["stack", "${AWS::StackName}", "function"]);
                assert_eq!(json!([metric[2], metric[3], metric[4]]), stack);
                assert!(functions.contains(metric[5].as_str().unwrap()), "{metric}");
                let shows = metric[1].as_str().unwrap();
                assert!(names.contains(&shows), "the dashboard shows {shows}");
                used.insert(shows.to_owned());
            }
        }
    }
    assert!(!used.is_empty(), "the template uses metrics of the code");
    // part of auth and books
    assert_eq!(used, names.map(str::to_owned).into(), "left: alarms and dashboard; right: the code");
    // end of part
}
