//! `template.yaml` as AWS's own tools see it: linted, translated, and created as far as an emulator can.
//!
//! No account is needed, and none is reached. The tests in `api` compare the template with the code.

use std::path::Path;
use std::process::{Command, Output};

use tokio::task::spawn_blocking;

#[tokio::test]
async fn the_linters_of_aws_find_nothing() {
    run("sam.txt", "lint.py").await;
}

#[tokio::test]
async fn checkov_finds_exactly_what_the_template_waives() {
    run("checkov.txt", "waivers.py").await;
}

#[tokio::test]
async fn every_reference_resolves_for_every_choice() {
    run("sam.txt", "resolve.py").await;
}

#[tokio::test]
async fn every_changed_value_reaches_the_functions_and_nothing_else_makes_versions() {
    run("sam.txt", "versions.py").await;
}

#[tokio::test]
async fn two_stacks_have_no_name_in_common() {
    run("sam.txt", "names.py").await;
}

#[tokio::test]
async fn moto_creates_every_resource_that_it_knows() {
    run("sam.txt", "create.py").await;
}

#[tokio::test]
async fn the_sam_cli_deploys_with_enter_for_every_question_and_no_later_deployment_undoes_anything() {
    run("sam.txt", "deploy.py").await;
}

/// Runs a script in `template/` with the packages of `requirements`. Fails with its output if the script fails.
async fn run(requirements: &str, script: &str) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/template"));
    let python = stack::tools::python(&folder.join(requirements)).await.unwrap();
    let mut command = Command::new(python);
    // Without a cache of bytecode among the sources, and without telemetry.
    command.arg("-B").arg(folder.join(script)).env("SAM_CLI_TELEMETRY", "0");
    // No real account, whatever this machine is signed in to.
    command.env("AWS_DEFAULT_REGION", "eu-west-1").env_remove("AWS_PROFILE");
    command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "{script}: {status}\n{stdout}\n{stderr}");
    println!("{script}: {}", stdout.trim());
}
