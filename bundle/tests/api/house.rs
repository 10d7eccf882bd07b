//! The architecture of `shared` and the functions, held as tests: which module may import which, read the environment,
//! name a status, add a route or declare a quota.
//!
//! The tests read the source as text; a comment line does not count.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `shared` in order of dependency, as `shared/src/lib.rs` lists them.
const MODULES: [&str; 11] = [
    "config",
    "telemetry",
    "fingerprint",
    "stores",
    "cache",
    "protection",
    "validation",
    "identity",
    "http",
    "lambda",
    "testing",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below `folder`, by its path from the root, with its lines of code.
fn sources(folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
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

fn position(module: &str) -> Option<usize> {
    MODULES.iter().position(|other| *other == module)
}

#[test]
fn a_module_imports_only_modules_above_it() {
    for (file, lines) in sources("shared/src") {
        let module = file.trim_start_matches("shared/src/").split(['/', '.']).next().unwrap();
        let here = position(module).unwrap_or(MODULES.len());
        // On one line, so that a list that spans several is one list.
        for used in words_after(&lines.concat(), "crate::") {
            assert!(position(used).is_none_or(|used| used <= here), "{file} imports {used}");
        }
    }
}

#[test]
fn the_map_lists_the_modules_in_this_order() {
    let map = fs::read_to_string(root().join("shared/src/lib.rs")).unwrap();
    // The first column of the table holds modules, each in backquotes.
    let columns = map.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let listed: Vec<_> = columns.flat_map(|column| column.split('`').skip(1).step_by(2)).collect();
    let listed: Vec<_> = listed.into_iter().map(|module| module.trim_start_matches("mod@")).collect();
    assert_eq!(listed, MODULES);
    for module in MODULES {
        assert!(map.contains(&format!("mod {module};")), "{module} is not a module");
    }
}

#[test]
fn functions_do_not_import_each_other() {
    for folder in fs::read_dir(root().join("functions")).unwrap() {
        let folder = folder.unwrap();
        let manifest =
            fs::read_to_string(folder.path().join("Cargo.toml")).unwrap().parse::<toml::Table>().unwrap();
        for other in fs::read_dir(root().join("functions")).unwrap() {
            let other = other.unwrap().file_name().into_string().unwrap();
            let dependencies = manifest["dependencies"].as_table().unwrap();
            assert!(!dependencies.contains_key(&other), "{:?} imports {other}", folder.file_name());
        }
    }
}

#[test]
fn only_one_module_reads_the_environment() {
    let mut all = sources("shared");
    all.extend(sources("functions"));
    let wrong = offenders(&all, |file, line| {
        // A build script learns from cargo where to write; it is no part of a function.
        let permitted = ["shared/src/config.rs", "shared/src/testing/stage.rs", "functions/system/build.rs"]
            .contains(&file);
        !permitted && (line.contains("env::var") || line.contains("clippy::disallowed_methods"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn failures_get_their_status_in_one_place() {
    let mut all = sources("shared");
    all.extend(sources("functions"));
    let wrong = offenders(&all, |file, line| {
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
fn every_quota_is_in_the_table() {
    let mut all = sources("shared/src");
    all.extend(sources("functions"));
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
fn every_route_is_added_in_one_way() {
    let mut all = sources("shared");
    all.extend(sources("functions"));
    let wrong = offenders(&all, |file, line| {
        file != "shared/src/http/routes.rs"
            && (line.contains("OpenApiRouter") || line.contains("Router::new("))
    });
    assert_eq!(wrong, [""; 0], "a route that `Routes` does not know serves what the event guard refused");
}

#[test]
fn only_stores_speak_sql() {
    let wrong = offenders(&sources("functions"), |file, line| {
        !file.contains("/src/store") && !file.contains("/maintenance/") && line.contains("tokio_postgres")
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_file_is_too_long_to_read() {
    for folder in ["shared", "functions", "bundle/src", "xtask/src", "bench"] {
        for (file, lines) in sources(folder) {
            assert!(lines.len() <= 300, "{file} has {} lines of code", lines.len());
        }
    }
}
