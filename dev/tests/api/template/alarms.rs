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
    // A failure of `smoke-test` fails the deployment that waits for it, which is known without an alarm.
    let functions = template.functions().into_iter().filter(|function| function.binary != "smoke-test");
    for function in functions {
        let (binary, prefix) = (function.binary, prefix(&template, function.binary));
        let name = json!({"Ref": format!("{prefix}Function")});
        let errors = template.resource(&format!("{prefix}Errors"));
        assert_eq!((&errors["Namespace"], &errors["MetricName"]), (&json!("AWS/Lambda"), &json!("Errors")));
        let alias = json!({"Fn::Sub": format!("${{{prefix}Function}}:live")});
        let dimensions =
            json!([{"Name": "FunctionName", "Value": name}, {"Name": "Resource", "Value": alias}]);
        assert_eq!(errors["Dimensions"], dimensions, "{binary}");
        let deployment = &function.properties["DeploymentPreference"];
        if binary == "maintenance" {
            assert_eq!(deployment["Enabled"], false, "it takes over at once");
        } else {
            assert_eq!(deployment["Alarms"], json!([{"Ref": format!("{prefix}Errors")}]), "{binary}");
            let slow = template.resource(&format!("{prefix}Slow"));
            assert_eq!(slow["Dimensions"][0]["Value"], name, "{binary}");
        }
        let throttled = template.resource("Throttled")["Metrics"].as_array().unwrap();
        let counted = |metric: &Value| {
            let metric = &metric["MetricStat"]["Metric"];
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
        assert_eq!(alarm["AlarmActions"], notified, "{name}");
        let fits =
            |row: &&&str| **row == name || row.strip_prefix('…').is_some_and(|end| name.ends_with(end));
        let row = rows.iter().find(fits).unwrap_or_else(|| panic!("the runbook does not know {name}"));
        explained.insert(*row);
    }
    let unknown: Vec<_> = rows.difference(&explained).collect();
    assert!(unknown.is_empty(), "the runbook explains alarms that do not exist: {unknown:?}");
}

#[test]
fn alarms_and_dashboard_use_exactly_the_metrics_of_the_code() {
    let template = Template::read();
    let names = Metric::ALL.map(Metric::name);
    let functions: BTreeSet<_> = template.functions().iter().map(|function| function.binary).collect();
    let mut used = BTreeSet::new();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let sums = alarm["Metrics"].as_array().into_iter().flatten();
        for metric in sums.map(|part| &part["MetricStat"]["Metric"]).chain([alarm]) {
            if metric["Namespace"] == "Bookshelf" {
                let waits_for = metric["MetricName"].as_str().unwrap();
                assert!(names.contains(&waits_for), "{name} waits for {waits_for}");
                let function = &metric["Dimensions"][0];
                assert_eq!(function["Name"], "function", "{name}");
                assert!(functions.contains(function["Value"].as_str().unwrap()), "{name}");
                used.insert(waits_for.to_owned());
            }
        }
    }
    let dashboard = template.resource("Dashboard")["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(dashboard).expect("a dashboard is JSON");
    for widget in dashboard["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            if metric[0] == "Bookshelf" {
                assert!(functions.contains(metric[3].as_str().unwrap()), "{metric}");
                used.insert(metric[1].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(used, names.map(str::to_owned).into(), "left: alarms and dashboard; right: the code");
}
