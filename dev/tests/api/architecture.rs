//! The architecture, held as tests: which crate and which module may import which, and which alone may read the
//! environment, name a status, add a route, declare a quota or speak SQL.
//!
//! The tests read the sources as text; a comment line does not count.

mod circles;
mod features;
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use testkit::functions::FUNCTIONS;

use imports::Crate;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folders of all crates' sources, from the root.
fn crates() -> Vec<String> {
    let mut folders = vec!["dev/tests/api".to_owned(), "dev/tests/e2e".to_owned()];
    for parent in ["", "shared", "functions", "dev", "dev/bench"] {
        for entry in fs::read_dir(root().join(parent)).unwrap() {
            let folder = entry.unwrap().path();
            if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
                let name = folder.strip_prefix(root()).unwrap().to_str().unwrap();
                folders.push(format!("{name}/src"));
            }
        }
    }
    folders
}

/// Every Rust file below `folder`, by its path from the root, with its lines of code.
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

/// What is deployed: every file of `shared` and of the functions.
fn deployed() -> BTreeMap<String, Vec<String>> {
    let mut all = sources("shared");
    all.extend(sources("functions"));
    all
}

/// The words that follow `prefix` in `line`: for `crate::` those of `use crate::{a, b::c}` are `a` and `b`.
fn words_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let ends =
        |text: &'a str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    line.match_indices(prefix)
        .flat_map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => list.split(',').map(|item| ends(item.trim())).collect(),
                None => vec![ends(rest)],
            }
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Every line of `sources` that `is_wrong`, with its file.
fn offenders(sources: &BTreeMap<String, Vec<String>>, is_wrong: impl Fn(&str, &str) -> bool) -> Vec<String> {
    sources
        .iter()
        .flat_map(|(file, lines)| lines.iter().map(move |line| (file, line)))
        .filter(|(file, line)| is_wrong(file, line))
        .map(|(file, line)| format!("{file}: {}", line.trim()))
        .collect()
}

/// The modules in the table that heads `lib.rs`, in its order.
fn table(lib: &str) -> Vec<String> {
    // The first column holds modules, each in backquotes.
    let columns = lib.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let listed = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    listed.map(|module| module.trim_start_matches("mod@").to_owned()).collect()
}

#[test]
fn a_module_imports_only_modules_above_it_in_the_table_of_its_crate() {
    for folder in ["shared/src", "dev/stack/src"] {
        let lib = fs::read_to_string(root().join(folder).join("lib.rs")).unwrap();
        let table = table(&lib);
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

/// The crates of the workspace that the manifest in `folder` depends on.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let manifest = text.parse::<toml::Table>().unwrap();
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables.iter().filter_map(|name| manifest.get(*name)?.as_table());
    tables.flat_map(toml::Table::keys).cloned().collect()
}

#[test]
fn functions_depend_neither_on_each_other_nor_on_development_crates() {
    let mut forbidden: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name.to_owned()).collect();
    forbidden.extend(["stack", "testkit", "xtask"].map(str::to_owned));
    let shared = ["shared", "shared/idempotency", "shared/secrets", "shared/signing-keys"];
    let functions = FUNCTIONS.iter().map(|function| format!("functions/{}", function.name));
    for folder in shared.into_iter().map(str::to_owned).chain(functions) {
        let found: Vec<_> = dependencies(&folder).intersection(&forbidden).cloned().collect();
        assert!(found.is_empty(), "{folder} imports {found:?}");
    }
}

#[test]
fn the_commands_and_the_local_stack_depend_neither_on_functions_nor_on_shared() {
    for folder in ["dev/xtask", "dev/stack"] {
        let dependencies = dependencies(folder);
        for function in FUNCTIONS.iter().map(|function| function.name).chain(["shared", "testkit"]) {
            assert!(!dependencies.contains(function), "{folder} imports {function}");
        }
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
    assert_eq!(listed, folders("functions"), "testkit::functions lists them");
    assert_eq!(listed, folders("events"));
}

#[test]
fn only_the_configuration_module_reads_the_environment() {
    let wrong = offenders(&deployed(), |file, line| {
        // A build script learns from cargo where to write; it is no part of a function.
        let permitted = ["shared/src/config.rs", "functions/system/build.rs"].contains(&file);
        !permitted && (line.contains("env::var") || line.contains("clippy::disallowed_methods"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn only_the_error_module_gives_failures_a_status() {
    let wrong = offenders(&deployed(), |file, line| {
        let statuses = words_after(line, "StatusCode::");
        match file {
            "shared/src/http/error.rs" => false,
            // Turns the router's own answers into errors.
            "shared/src/http/problem.rs" => {
                statuses.iter().any(|name| !["METHOD_NOT_ALLOWED", "NOT_FOUND", "NO_CONTENT"].contains(name))
            }
            // Gives an answer again, whatever its status was.
            "shared/idempotency/src/record.rs" => statuses.iter().any(|name| *name != "from_u16"),
            // 304 is no failure.
            "shared/src/http/conditional.rs" => statuses.iter().any(|name| *name != "NOT_MODIFIED"),
            _ => statuses.iter().any(|name| !["CREATED", "NO_CONTENT"].contains(name)),
        }
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_quota_is_declared_in_the_table() {
    let mut all = deployed();
    // Unit tests may make some of their own.
    for lines in all.values_mut() {
        let code = lines.iter().position(|line| line.contains("#[cfg(test)]")).unwrap_or(lines.len());
        lines.truncate(code);
    }
    let wrong = offenders(&all, |file, line| {
        file != "shared/src/protection/quotas.rs" && line.contains("Quota::new(")
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_route_is_added_through_routes() {
    let wrong = offenders(&deployed(), |file, line| {
        file != "shared/src/http/routes.rs"
            && (line.contains("OpenApiRouter") || line.contains("Router::new("))
    });
    assert_eq!(wrong, [""; 0], "a route that `Routes` does not know serves what the event guard refused");
}

#[test]
fn only_stores_import_the_postgres_client() {
    let wrong = offenders(&sources("functions"), |file, line| {
        !file.contains("/src/store") && !file.contains("/maintenance/") && line.contains("tokio_postgres")
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_file_is_too_long_to_read_and_no_line_too_wide() {
    const LONGEST: usize = 300;
    const WIDEST: usize = 120;
    for folder in ["shared", "functions", "dev/stack", "dev/xtask", "dev/testkit", "dev/bench"] {
        for (file, lines) in sources(folder) {
            assert!(lines.len() <= LONGEST, "{file} has {} lines of code", lines.len());
        }
    }
    let mut wide = Vec::new();
    for folder in ["shared", "functions", "dev"] {
        for file in sources(folder).into_keys() {
            let text = fs::read_to_string(root().join(&file)).unwrap();
            let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
            wide.extend(
                comments.filter(|line| line.chars().count() > WIDEST).map(|line| format!("{file}: {line}")),
            );
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}
