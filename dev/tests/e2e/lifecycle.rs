//! `dev/deployment/lifecycle.sh`, which creates, changes and deletes a deployment, with stand-ins for the programs that
//! reach AWS. They show what it calls and in which order; what AWS would answer they cannot show.

use std::env::temp_dir;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use stack::{settings, workspace};
use uuid::Uuid;

use crate::not_run::not_run;
use crate::scripts;

/// The script, with a folder for the stand-ins and what they write.
struct Lifecycle {
    folder: PathBuf,
    /// The name of the stack.
    stack: String,
}

impl Lifecycle {
    /// `None`, and a line that says so, where this machine lacks a program that has no stand-in.
    fn new() -> Option<Self> {
        for program in ["jq", "openssl"] {
            if Command::new(program).arg("--help").output().is_err() {
                not_run("lifecycle.sh", &format!("there is no {program}"));
                return None;
            }
        }
        let id = &Uuid::new_v4().simple().to_string()[..8];
        let folder = temp_dir().join(format!("lifecycle-{id}"));
        let stack = format!("bookshelf-acceptance-{id}");
        fs::create_dir_all(folder.join("bin")).unwrap();
        for program in ["aws", "sam", "cargo", "curl"] {
            symlink(stand_in(), folder.join("bin").join(program)).unwrap();
        }
        Some(Self { folder, stack })
    }

    /// Runs the script, with an answer on its standard input. Of the acceptances the one called `failing` fails.
    fn run(&self, arguments: &[&str], answer: &str, failing: &str) -> Output {
        let path = format!("{}/bin:{}", self.folder.display(), settings::var("PATH").unwrap());
        let mut command = Command::new(script());
        command.args(arguments).env("PATH", path).env("TMPDIR", &self.folder).env_remove("AWS_REGION");
        command.env("STATE", &self.folder).envs([("STACK", &*self.stack), ("FAILING", failing)]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    /// The calls that change something, without their options.
    fn changes(&self) -> Vec<String> {
        let calls = self.read("calls");
        let is_query = |line: &&str| {
            [" describe-", " get-", " get ", " wait ", "aws sts"].iter().any(|query| line.contains(query))
        };
        let changes = calls.lines().filter(|line| !is_query(line));
        changes.map(|line| line.split(" -").next().unwrap().trim_end().to_owned()).collect()
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_dir_all(workspace::target().unwrap().join("acceptance").join(&self.stack));
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deployment/lifecycle.sh")
}

fn stand_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/lifecycle/stand_in.sh")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

#[test]
fn a_deployment_is_created_changed_rotated_restored_and_deleted_without_a_rest() {
    let Some(lifecycle) = Lifecycle::new() else { return };
    let output = lifecycle.run(&["--yes", &lifecycle.stack], "", "");
    assert!(output.status.success(), "{}", text(&output));
    let restored = "settings false debug arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:restore";
    let expected = [
        "sam build",
        "sam deploy",
        "settings false info",
        "cargo xtask acceptance https://api.example",
        // part of auth and books
        "curl",
        "aws lambda invoke",
        // end of part
        "sam deploy",
        "settings false debug",
        "cargo xtask acceptance https://api.example",
        "aws secretsmanager put-secret-value",
        "sam deploy",
        "settings false debug",
        "aws secretsmanager update-secret-version-stage",
        "sam deploy",
        "settings false debug",
        "cargo xtask acceptance https://api.example",
        "aws secretsmanager update-secret-version-stage",
        "aws rds create-db-cluster-snapshot",
        "sam deploy",
        restored,
        "cargo xtask acceptance https://api.example",
        "sam delete",
        "aws secretsmanager delete-secret",
        // part of auth
        "aws logs delete-log-group",
        // end of part
        "aws rds delete-db-cluster-snapshot",
        "aws rds delete-db-cluster-snapshot",
    ];
    assert_eq!(lifecycle.changes(), expected);

    let calls = lifecycle.read("calls");
    let deleted: Vec<_> =
        calls.lines().filter(|line| line.contains("rds delete-db-cluster-snapshot")).collect();
    assert!(deleted[0].ends_with(" ours") && deleted[1].ends_with(" ours-too"), "{deleted:?}");
    let deployments: Vec<_> = calls.lines().filter(|line| line.starts_with("sam deploy")).collect();
    for (number, deployment) in deployments.iter().enumerate() {
        assert!(deployment.contains(&format!("Revision=lifecycle-{}", number + 1)), "{deployment}");
        assert_eq!(deployment.contains("CorsOrigins=https://app.example"), number > 0, "{deployment}");
        assert!(
            deployment.contains(&format!("--stack-name {} --region eu-central-1", lifecycle.stack)),
            "{deployment}"
        );
    }
    let moved: Vec<_> = calls.lines().filter(|line| line.contains("update-secret-version-stage")).collect();
    assert!(moved[0].ends_with("--remove-from-version-id old"), "{moved:?}");
    assert!(moved[1].ends_with("--version-stage AWSPREVIOUS --remove-from-version-id old"), "{moved:?}");
}

#[test]
fn secrets_are_on_no_command_line_and_in_no_output() {
    let Some(lifecycle) = Lifecycle::new() else { return };
    let output = lifecycle.run(&["--yes", &lifecycle.stack], "", "");
    let secret: serde_json::Value = serde_json::from_str(&lifecycle.read("secret.json")).unwrap();
    assert_eq!(secret["PASSWORD_PEPPER"], "the pepper");
    let key = secret["JWT_PRIVATE_KEY"].as_str().unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"), "another key, and the same pepper");
    let told = lifecycle.read("calls") + &text(&output);
    for secret in [key.lines().nth(1).unwrap(), "the pepper"] {
        assert!(!told.contains(secret), "{told}");
    }
    // part of auth and books
    let registration: serde_json::Value = serde_json::from_str(&lifecycle.read("registration.json")).unwrap();
    assert_eq!(registration["username"], "acceptance-admin");
    assert!(!told.contains(registration["password"].as_str().unwrap()), "{told}");
    // end of part
    let left = fs::read_dir(&lifecycle.folder).unwrap().flatten();
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp.")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_failed_step_leaves_the_stack_and_says_how_to_delete_it() {
    let Some(lifecycle) = Lifecycle::new() else { return };
    let output = lifecycle.run(&["--yes", &lifecycle.stack], "", "change");
    let told = text(&output);
    assert!(
        !output.status.success() && told.contains(&format!("lifecycle.sh --delete {}", lifecycle.stack)),
        "{told}"
    );
    assert_eq!(lifecycle.changes().last().unwrap(), "cargo xtask acceptance https://api.example");

    let again = lifecycle.run(&["--yes", &lifecycle.stack], "", "");
    assert!(!again.status.success() && text(&again).contains("already"), "{}", text(&again));
    let output = lifecycle.run(&["--delete", &lifecycle.stack], "", "");
    assert!(output.status.success(), "{}", text(&output));
    let changes = lifecycle.changes();
    let deleted = changes.iter().position(|change| change == "sam delete").unwrap();
    assert_eq!(changes[deleted + 1], "aws secretsmanager delete-secret");
}

#[test]
fn nothing_is_done_without_consent_or_to_another_stack() {
    let Some(lifecycle) = Lifecycle::new() else { return };
    for (arguments, answer) in [
        (vec![&*lifecycle.stack], "n\n"),
        (vec![], "\n"),
        (vec!["--yes", "bookshelf"], ""),
        (vec!["--delete", "bookshelf"], ""),
        (vec!["--delete"], ""),
        (vec!["--what"], ""),
    ] {
        let output = lifecycle.run(&arguments, answer, "");
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
        assert_eq!(lifecycle.changes(), [""; 0], "{arguments:?}");
    }
    let output = lifecycle.run(&[&lifecycle.stack], "n\n", "");
    assert!(text(&output).contains("less than 2 USD"), "{}", text(&output));
    let output = lifecycle.run(&[&lifecycle.stack], "y\n", "");
    assert!(output.status.success(), "{}", text(&output));
}

#[tokio::test]
async fn shellcheck_finds_nothing_in_the_scripts() {
    if !cfg!(any(target_arch = "x86_64", target_os = "macos")) {
        not_run("shellcheck", "it is not published for this system");
        return;
    }
    let arguments = [script(), stand_in(), stand_in().with_file_name("../acceptance/aws.sh")]
        .map(|path| path.display().to_string());
    scripts::run("lifecycle", "shellcheck.py", &arguments).await.unwrap_or_else(|found| panic!("{found}"));
}
