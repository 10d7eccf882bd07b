//! Rules of the architecture: which crates and modules may depend on which, and which modules alone may read the
//! environment, choose a status, add a route, declare a quota or import the Postgres client. Beside these, that the
//! tests which the security documents name exist.
//!
//! The tests read sources and manifests as text; lines of comments do not count. Each message names the file that
//! breaks a rule.

mod cycles;
mod documents;
mod features;
mod imports;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use testkit::functions::FUNCTIONS;

use imports::Crate;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folders with the sources of all crates of the workspace, relative to its root.
fn crates() -> Vec<String> {
    let mut folders = vec!["dev/tests/api".to_owned(), "dev/tests/e2e".to_owned()];
    for parent in ["", "shared", "functions", "dev", "dev/bench"] {
        // A copy of the project may have no benchmark.
        for entry in fs::read_dir(root().join(parent)).into_iter().flatten() {
            let folder = entry.unwrap().path();
            if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
                let name = folder.strip_prefix(root()).unwrap().to_str().unwrap();
                folders.push(format!("{name}/src"));
            }
        }
    }
    folders
}

/// The lines of code of every Rust file below `folder`, by the path of the file relative to the root.
fn sources(folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.insert(name, code.map(str::to_owned).collect());
            }
        }
    }
    found
}

/// The sources that are deployed: those of `shared` and of the functions.
fn deployed() -> BTreeMap<String, Vec<String>> {
    let mut all = sources("shared");
    all.extend(sources("functions"));
    all
}

/// The identifiers after `prefix` in `line`: after `crate::` in `use crate::{a, b::c}` they are `a` and `b`.
fn words_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let identifier =
        |text: &'a str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    line.match_indices(prefix)
        .flat_map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => list.split(',').map(|item| identifier(item.trim())).collect(),
                None => vec![identifier(rest)],
            }
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// The lines of `sources` that break a rule, each with its file; `is_wrong` gets the file and the line.
fn violations(sources: &BTreeMap<String, Vec<String>>, is_wrong: impl Fn(&str, &str) -> bool) -> Vec<String> {
    sources
        .iter()
        .flat_map(|(file, lines)| lines.iter().map(move |line| (file, line)))
        .filter(|(file, line)| is_wrong(file, line))
        .map(|(file, line)| format!("{file}: {}", line.trim()))
        .collect()
}

/// The modules in the table of a `lib.rs`, in its order.
fn listed_modules(lib: &str) -> Vec<String> {
    // The first column names modules, each in backquotes.
    let columns = lib.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let listed = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    listed.map(|module| module.trim_start_matches("mod@").to_owned()).collect()
}

#[test]
fn a_module_imports_only_modules_above_it_in_the_table_of_its_crate() {
    for folder in ["shared/src", "dev/stack/src"] {
        let lib = fs::read_to_string(root().join(folder).join("lib.rs")).unwrap();
        let table = listed_modules(&lib);
        let declared: BTreeSet<_> = lib.lines().filter_map(|line| words_after(line, "mod ").pop()).collect();
        assert_eq!(declared, table.iter().map(String::as_str).collect(), "the table of {folder}/lib.rs");
        let position = |file: &str| {
            let module = file.split(['/', '.']).next().unwrap_or_default();
            table.iter().position(|other| other == module)
        };
        // `lib.rs` itself is in no row: it may import all, and all may import it.
        let uses = Crate::read(&root().join(folder)).uses();
        let is_wrong = |user: &str, used: &str| {
            position(user).zip(position(used)).is_some_and(|(here, there)| there > here)
        };
        let wrong = uses.iter().filter(|(user, used)| is_wrong(user, used));
        let wrong: Vec<_> = wrong.map(|(user, used)| format!("{folder}/{user} imports {used}")).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The packages that the manifest in `folder` depends on, also for tests, for builds and for some targets only.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = manifest(folder);
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter();
    let targets = targets.flat_map(toml::Table::values).filter_map(toml::Value::as_table);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables =
        targets.chain([&manifest]).flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)));
    let dependencies = tables.filter_map(toml::Value::as_table).flatten();
    // `package` names the package if the dependency has another name.
    let package = |(name, value): (&String, &toml::Value)| {
        value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
    };
    dependencies.map(package).collect()
}

fn manifest(folder: &str) -> toml::Table {
    fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// The folders of the crates below `parent`, relative to the root.
fn crates_in(parent: &str) -> Vec<String> {
    let folders = crates().into_iter().filter_map(|sources| Some(sources.strip_suffix("/src")?.to_owned()));
    folders.filter(|folder| Path::new(folder).starts_with(parent)).collect()
}

fn package_name(folder: &str) -> String {
    manifest(folder)["package"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn functions_depend_neither_on_each_other_nor_on_development_crates() {
    let [shared, functions, development] = ["shared", "functions", "dev"].map(crates_in);
    let forbidden: BTreeSet<_> =
        functions.iter().chain(&development).map(|folder| package_name(folder)).collect();
    for folder in shared.iter().chain(&functions) {
        let found: Vec<_> = dependencies(folder).intersection(&forbidden).cloned().collect();
        assert!(found.is_empty(), "{folder} depends on {found:?}");
    }
}

#[test]
fn the_commands_and_the_local_stack_depend_neither_on_functions_nor_on_shared() {
    let mut forbidden: BTreeSet<_> =
        crates_in("functions").iter().map(|folder| package_name(folder)).collect();
    forbidden.extend(["shared", "idempotency", "secrets", "testkit"].map(str::to_owned));
    for folder in ["dev/xtask", "dev/stack"] {
        let found: Vec<_> = dependencies(folder).intersection(&forbidden).cloned().collect();
        assert!(found.is_empty(), "{folder} depends on {found:?}");
    }
}

#[test]
fn every_function_has_a_crate_events_and_an_entry_in_the_list() {
    let listed: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name.to_owned()).collect();
    let folders = |parent: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(parent)).unwrap().map(Result::unwrap);
        let entries = entries.filter(|entry| entry.path().is_dir());
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    assert_eq!(listed, folders("functions"), "left: testkit::functions; right: functions/");
    assert_eq!(listed, folders("events"), "left: testkit::functions; right: events/");
}

#[test]
fn only_the_configuration_module_reads_the_environment() {
    let wrong = violations(&deployed(), |file, line| {
        // A build script gets its output folder from cargo; it is not deployed.
        let permitted = file == "shared/src/config.rs" || file.ends_with("/build.rs");
        !permitted && (line.contains("env::var") || line.contains("clippy::disallowed_methods"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn only_the_error_module_gives_failures_a_status() {
    let wrong = violations(&deployed(), |file, line| {
        let statuses = words_after(line, "StatusCode::");
        match file {
            "shared/src/http/error.rs" => false,
            // Converts the router's own responses into errors.
            "shared/src/http/problem.rs" => {
                statuses.iter().any(|name| !["METHOD_NOT_ALLOWED", "NOT_FOUND", "NO_CONTENT"].contains(name))
            }
            // Replays a stored response with its status.
            "shared/idempotency/src/record.rs" => statuses.iter().any(|name| *name != "from_u16"),
            // 304 is not a failure.
            "shared/src/http/conditional.rs" => statuses.iter().any(|name| *name != "NOT_MODIFIED"),
            _ => statuses.iter().any(|name| !["CREATED", "NO_CONTENT"].contains(name)),
        }
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_quota_is_declared_in_the_table() {
    let mut all = deployed();
    // Unit tests, which stand last in a file, may declare others.
    for lines in all.values_mut() {
        let code = lines.iter().position(|line| line.starts_with("mod tests")).unwrap_or(lines.len());
        lines.truncate(code);
    }
    let wrong = violations(&all, |file, line| {
        file != "shared/src/protection/quotas.rs" && line.contains("Quota::new(")
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_route_is_added_through_routes() {
    let wrong = violations(&deployed(), |file, line| {
        file != "shared/src/http/routes.rs"
            && (line.contains("OpenApiRouter") || line.contains("Router::new("))
    });
    assert_eq!(wrong, [""; 0], "a route that is not added through `Routes` serves invalid events");
}

#[test]
fn only_stores_import_the_postgres_client() {
    let wrong = violations(&sources("functions"), |file, line| {
        !file.contains("/src/store") && !file.contains("/maintenance/") && line.contains("tokio_postgres")
    });
    assert_eq!(wrong, [""; 0]);
}
