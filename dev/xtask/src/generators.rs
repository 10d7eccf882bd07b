//! `cargo xtask test-generators`: the commands that write code, tried on a copy of the project.
//!
//! A copy is a clone of what is committed, in `target/generators`. The first one becomes a project of its own: it is
//! renamed, loses the demos, gets functions with and without a table, and loses the books. The second one loses the
//! sign-in, and then every function that can go. After each of these, what is left must build and pass the tests that
//! compare its parts: architecture, routes, roles, recorded events, and the template.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stack::process_spec::ProcessSpec;
use stack::workspace::{self, execute};
use stack::{Context as _, Error, Result, signals};

/// The name that the copy gets.
const NAME: &str = "movieshelf";

/// Tests that compare parts of the project with each other, and those that invoke all functions with recorded events.
/// Of `template`, what needs AWS's own tools is left out.
const TESTS: [&str; 12] = [
    "architecture::",
    "routes::",
    "roles::",
    "replay::every_",
    "template::alarms",
    "template::cache_users",
    "template::capacity",
    "template::deployment",
    "template::each_",
    "template::every_function",
    "template::every_permission",
    "template::the_gateway",
];

/// The version of all crates, and that of the copy.
const VERSION: &str = "\nversion = \"0.1.0\"\n";
const OTHER_VERSION: &str = "\nversion = \"0.1.0-copy\"\n";

/// Makes the copies and tries the commands on them.
pub(crate) async fn run() -> Result<()> {
    let both = async {
        make_another_project().await?;
        remove_what_can_go().await
    };
    signals::unless_interrupted(both).await
}

async fn make_another_project() -> Result<()> {
    let copy = Copy::make().await?;
    copy.step(&["rename", NAME]).await?;
    copy.step(&["remove", "rl-demo", "bf-demo"]).await?;
    copy.step(&["new", "migration", "nothing"]).await?;
    copy.step(&["new", "function", "greetings"]).await?;
    copy.step(&["new", "function", "movie-reviews", "--store"]).await?;
    copy.check().await?;
    copy.step(&["remove", "greetings", "books"]).await?;
    copy.check().await?;
    copy.has_nothing_of_the_old_name()
}

async fn remove_what_can_go() -> Result<()> {
    let copy = Copy::make().await?;
    copy.step(&["remove", "auth"]).await?;
    copy.check().await?;
    copy.step(&["remove", "books", "rl-demo", "bf-demo"]).await?;
    copy.check().await
}

/// A clone of the project, which is built into the target folder of the project itself: then nothing is compiled anew
/// but the workspace. It has another version, by which cargo tells its crates from those of the project.
struct Copy {
    folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    async fn make() -> Result<Self> {
        let (root, target) = (workspace::root()?, workspace::target()?);
        let folder = target.join("generators");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("delete the last copy")?;
        }
        let clone = ProcessSpec::new("git", "git").args(["clone", "--quiet"]);
        execute(&clone.args([root.to_string_lossy(), folder.to_string_lossy()])).await?;
        // The servers that are installed already.
        fs::create_dir_all(folder.join("target")).context("create a folder")?;
        std::os::unix::fs::symlink(target.join("tools"), folder.join("target/tools"))
            .context("link the tools")?;
        let copy = Self { folder, target };
        let manifest = copy.folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).context("read a manifest")?;
        fs::write(&manifest, text.replacen(VERSION, OTHER_VERSION, 1)).context("write a manifest")?;
        copy.cargo(&["update", "--workspace", "--offline", "--quiet"]).await?;
        copy.commit("version")?;
        Ok(copy)
    }

    /// Runs a command of the copy, and commits what it did, as the next one demands.
    async fn step(&self, command: &[&str]) -> Result<()> {
        self.cargo(&[&["xtask"], command].concat()).await?;
        self.commit(&command.join(" "))
    }

    /// Does what `new` and `remove` say comes next, and checks what a person would.
    async fn check(&self) -> Result<()> {
        self.step(&["openapi"]).await?;
        self.cargo(&["fmt", "--all", "--check"]).await?;
        self.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).await?;
        let test: Vec<_> = ["xtask", "test", "-p", "tests"].into_iter().chain(TESTS).collect();
        self.cargo(&test).await
    }

    fn commit(&self, subject: &str) -> Result<()> {
        git(&self.folder, &["add", "--all"])?;
        let author = ["-c", "user.name=generators", "-c", "user.email=generators@localhost"];
        git(
            &self.folder,
            &[&author[..], &["commit", "--quiet", "--allow-empty", "--message", subject]].concat(),
        )?;
        Ok(())
    }

    async fn cargo(&self, args: &[&str]) -> Result<()> {
        let cargo = workspace::cargo(args)?.dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        execute(&cargo.env("CARGO_MANIFEST_DIR", &self.folder)).await
    }

    fn has_nothing_of_the_old_name(&self) -> Result<()> {
        let old = crate::rename::NAME;
        let found = git(&self.folder, &["grep", "--ignore-case", "--files-with-matches", old])?;
        let wrong: Vec<_> = found.lines().filter(|path| !crate::rename::KEPT.contains(path)).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::new(format!("{old} is still in {}", wrong.join(", "))))
    }
}

/// The output of git in `folder`.
fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git").args(args).current_dir(folder).output().context("run git")?;
    // `grep` without a match is no failure.
    if output.status.success() || args.first() == Some(&"grep") {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::new(format!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr))))
    }
}
