//! `cargo xtask remove`: takes functions that are not needed out of the project.
//!
//! What belongs to a function is found by its name: folders, lines of manifests and lists, resources of the template,
//! rows of tables, and [parts] that a comment marks. Its quotas are those that its code uses and no other code does.

mod lines;
mod parts;
mod quotas;
pub(crate) mod template;

use stack::workspace::{self, cargo, execute};
use stack::{Error, Result, signals};

use crate::format;
use crate::launch_files;
use crate::names::Names;
use crate::sources::Sources;
use crate::text::without_lines_that;

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The functions, such as `rl-demo` and `bf-demo`.
    #[arg(required = true)]
    functions: Vec<String>,
}

/// Functions that stay, and why.
const KEPT: [(&str, &str); 3] = [
    ("maintenance", "it migrates the database and writes the secrets of a deployment"),
    ("smoke-test", "a deployment asks it whether a new version works"),
    ("system", "it answers for health, for the description of the API and for all unknown paths"),
];

/// Files that tell what was, and stay as they are.
const HISTORY: [&str; 2] = ["CHANGELOG.md", "docs/PERFORMANCE.md"];

/// Folders that may name a function that is gone: the benchmark leaves it out, and this program has it in examples.
const TOLERANT: [&str; 2] = ["dev/bench/", "dev/xtask/"];

/// Removes the functions, one after the other.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let names = options.functions.iter().map(|name| Names::of(name)).collect::<Result<Vec<_>>>()?;
    for function in &names {
        check(function)?;
    }
    let sources = Sources::committed()?;
    format::spread_lists().await?;
    for function in &names {
        remove(&sources, function)?;
    }
    launch_files::update(&sources)?;
    format::all().await?;
    // What only a removed function needed goes from Cargo.lock.
    let lock = cargo(["update", "--workspace", "--offline", "--quiet"])?;
    signals::unless_interrupted(execute(&lock)).await?;
    report(&sources, &names)
}

fn check(function: &Names) -> Result<()> {
    let name = &function.kebab;
    if let Some((_, reason)) = KEPT.iter().find(|(kept, _)| kept == name) {
        return Err(Error::new(format!("{name} stays: {reason}")));
    }
    if !workspace::functions()?.contains(name) {
        return Err(Error::new(format!("there is no function called {name}")));
    }
    Ok(())
}

fn remove(sources: &Sources, function: &Names) -> Result<()> {
    let kebab = &function.kebab;
    let quotas = quotas::of_alone(sources, kebab)?;
    sources.delete(&format!("functions/{kebab}"))?;
    sources.delete(&format!("events/{kebab}"))?;
    for path in function.modules().iter().filter(|path| sources.find(path).is_some()) {
        sources.delete(path)?;
        remove_rest_of_module(sources, path)?;
    }
    sources.edit("shared/src/protection/quotas.rs", |text| quotas::without(text, &quotas))?;
    for path in sources.paths()? {
        if HISTORY.contains(&path.as_str()) || path.starts_with("events/") {
            continue;
        }
        let Some(before) = sources.find(&path) else { continue };
        let text = parts::without(&before, kebab);
        let text = match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("toml") => without_lines_that(&text, |line| lines::is_of_manifest(line, kebab)),
            Some("rs") => lines::without_entries(&text, function),
            Some("md") => without_lines_that(&text, |line| lines::is_row(line, function, &quotas)),
            _ => text,
        };
        if text != ends_with_line_end(&before) {
            sources.edit(&path, |_| text)?;
        }
        if sources.find(&path).is_none() {
            remove_rest_of_module(sources, &path)?;
        }
    }
    remove_resources(sources, function)
}

/// Deletes what belongs to a crate of which no manifest is left: its folder. To a module of which nothing is left: its
/// folder, its place in the module above, and recorded events of its function that have its name.
fn remove_rest_of_module(sources: &Sources, path: &str) -> Result<()> {
    if let Some(package) = path.strip_suffix("/Cargo.toml") {
        return sources.delete(package);
    }
    let Some(module) = path.strip_suffix(".rs") else { return Ok(()) };
    sources.delete(module)?;
    let Some((folder, name)) = module.rsplit_once('/') else { return Ok(()) };
    for above in [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")] {
        if sources.find(&above).is_some() {
            sources.edit(&above, |text| without_lines_that(text, |line| lines::is_of_module(line, name)))?;
        }
    }
    let Some(function) = path.strip_prefix("functions/").and_then(|rest| rest.split('/').next()) else {
        return Ok(());
    };
    let is_event = |path: &&String| path.starts_with(&format!("events/{function}/")) && path.contains(name);
    for event in sources.paths()?.iter().filter(is_event) {
        sources.delete(event)?;
    }
    Ok(())
}

fn remove_resources(sources: &Sources, function: &Names) -> Result<()> {
    let before = sources.read("template.yaml")?;
    let after = template::without(&before, function);
    sources.write("template.yaml", &after)?;
    for parameter in template::parameters_lost(&before, &after) {
        edit_if_there(sources, "samconfig.toml", |text| without_override(text, &parameter))?;
        edit_if_there(sources, "dev/deployment/lifecycle.sh", |text| without_argument(text, &parameter))?;
        let row = format!("| `{parameter}=");
        let is_row = |line: &str| line.starts_with(&row);
        edit_if_there(sources, "docs/COST.md", |text| without_lines_that(text, is_row))?;
    }
    let names_it = |line: &str| function.are_in(line);
    edit_if_there(sources, "dev/deployment/stack-policy.json", |text| without_lines_that(text, names_it))
}

/// Edits a file that a copy of the project may not have any more.
fn edit_if_there(sources: &Sources, path: &str, edit: impl FnOnce(&str) -> String) -> Result<()> {
    if sources.find(path).is_some() { sources.edit(path, edit) } else { Ok(()) }
}

fn ends_with_line_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// `parameter_overrides = ["Environment=dev", "Demos=true"]` without `Demos`.
fn without_override(text: &str, parameter: &str) -> String {
    let is_of = |value: &str| value.trim_start_matches('"').starts_with(&format!("{parameter}="));
    let line = |line: &str| match line.split_once("= [").filter(|_| line.starts_with("parameter_overrides")) {
        Some((name, values)) => {
            let values = values.trim_end_matches(']').split(", ").filter(|value| !is_of(value));
            format!("{name}= [{}]\n", values.collect::<Vec<_>>().join(", "))
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// `--parameter-overrides Environment=dev Demos=true` without `Demos`.
fn without_argument(text: &str, parameter: &str) -> String {
    let is_kept = |word: &&str| !word.starts_with(&format!("{parameter}="));
    text.split(' ').filter(is_kept).collect::<Vec<_>>().join(" ")
}

/// Says what is left to do: rewrite the description, and read the places that still mention a function. Migrations are
/// never edited, so they are not among those.
fn report(sources: &Sources, functions: &[Names]) -> Result<()> {
    println!("Removed. Next: `cargo xtask openapi`, then `cargo xtask check`.");
    let is_read = |path: &&String| {
        !HISTORY.contains(&path.as_str())
            && !TOLERANT.iter().any(|folder| path.starts_with(folder))
            && !path.starts_with("migrations/")
            && !path.ends_with("Cargo.lock")
            && *path != "openapi.json"
    };
    for path in sources.paths()?.iter().filter(is_read) {
        let Some(text) = sources.find(path) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            if functions.iter().any(|function| function.are_mentioned_in(line)) {
                println!("{path}:{number}: {}", line.trim());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_goes_from_what_deploys() {
        let text =
            "a = [1, 2]\nparameter_overrides = [\"Environment=dev\", \"Demos=true\", \"Revision=1\"]\n";
        let expected = "a = [1, 2]\nparameter_overrides = [\"Environment=dev\", \"Revision=1\"]\n";
        assert_eq!(without_override(text, "Demos"), expected);
        assert_eq!(without_argument("  x Demos=true \"y\"\n", "Demos"), "  x \"y\"\n");
    }
}
