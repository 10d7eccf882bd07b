//! The files of a crate, and which of them use which others: by `use` declarations and by paths in the code.
//!
//! This is no parser: it reads lines of text and knows modules by their files. Comments and modules of tests do not
//! count, and neither does a `mod` declaration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of one crate, by module path (`crate` itself is empty), and what each of them uses.
pub(super) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

struct Module {
    file: String,
    /// The paths in `use` declarations and in the code, split at `::`.
    paths: Vec<Vec<String>>,
    /// The names that its `use` declarations bring into scope, with their paths: `Error` for `use error::Error`.
    imported: BTreeMap<String, Vec<String>>,
}

impl Crate {
    /// Reads the crate whose sources are in `folder`. Its files are named by their paths relative to `folder`.
    pub(super) fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let file = path.strip_prefix(folder).unwrap();
                    modules.insert(module_path(file), Module::read(&path, file));
                }
            }
        }
        Self { modules }
    }

    /// Every pair of files of which the first uses the second.
    pub(super) fn uses(&self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for (here, module) in &self.modules {
            for path in &module.paths {
                if let Some(there) = self.resolve(here, path, 0)
                    && there != *here
                {
                    found.insert((module.file.clone(), self.modules[&there].file.clone()));
                }
            }
        }
        found
    }

    /// The module whose file defines what `path` names when it stands in the module `here`; `None` if it is of another
    /// crate.
    fn resolve(&self, here: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let (mut base, mut rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (here.to_vec(), &path[1..]),
            "super" => {
                let levels = path.iter().take_while(|name| *name == "super").count();
                (here[..here.len().checked_sub(levels)?].to_vec(), &path[levels..])
            }
            child => {
                let is_child = self.modules.contains_key(&[here, &[child.to_owned()]].concat());
                (is_child.then(|| here.to_vec())?, path)
            }
        };
        while let Some((name, deeper)) = rest.split_first() {
            let child = [&base[..], std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&child) {
                (base, rest) = (child, deeper);
                continue;
            }
            let import = self.modules.get(&base)?.imported.get(name);
            return match import {
                Some(imported) if depth < 8 => {
                    self.resolve(&base, imported, depth + 1).or(Some(base.clone()))
                }
                _ => Some(base),
            };
        }
        Some(base)
    }
}

impl Module {
    fn read(path: &Path, name: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        // A module of tests stands last; it uses what it tests.
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        let (mut paths, mut imported) = (Vec::new(), BTreeMap::new());
        for declaration in declarations(&code) {
            for path in expand(&declaration) {
                if let Some(name) = path.last() {
                    imported.insert(name.clone(), path.clone());
                }
                paths.push(path);
            }
        }
        paths.extend(inline_paths(&code));
        Self { file: name.to_string_lossy().into_owned(), paths, imported }
    }
}

/// `stores/postgres.rs` is `stores::postgres`; `lib.rs` and `main.rs` are the crate.
fn module_path(file: &Path) -> Vec<String> {
    let path: PathBuf = file.with_extension("");
    let mut parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The text of each `use` declaration, between `use` and the semicolon.
fn declarations(code: &str) -> Vec<String> {
    let starts = code.match_indices("use ").filter(|(at, _)| {
        let before = code[..*at].rsplit('\n').next().unwrap_or_default().trim();
        before.is_empty() || before.starts_with("pub")
    });
    starts.filter_map(|(at, word)| Some(code[at + word.len()..].split_once(';')?.0.to_owned())).collect()
}

/// `a::{b, c::{self, D as E}}` names `a::b`, `a::c` and `a::c::D`.
fn expand(declaration: &str) -> Vec<Vec<String>> {
    let Some((prefix, list)) = declaration.split_once('{') else {
        let path = declaration.split(" as ").next().unwrap_or_default();
        let parts = path.split("::").map(|part| part.trim().to_owned());
        return vec![parts.filter(|part| !part.is_empty() && part != "*").collect()];
    };
    let prefix: Vec<String> =
        prefix.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let list = list.trim_end().strip_suffix('}').unwrap_or(list);
    items(list)
        .iter()
        .flat_map(|item| expand(item))
        .map(|path| {
            let path = if path == ["self"] { Vec::new() } else { path };
            [prefix.clone(), path].concat()
        })
        .collect()
}

/// The items of a list, at the commas that are not inside of inner braces.
fn items(list: &str) -> Vec<String> {
    let (mut items, mut depth) = (vec![String::new()], 0);
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(item) = items.last_mut() {
            item.push(character);
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// The paths in the code, for example `crate::a::B` or `child::f`; also those into other crates.
fn inline_paths(code: &str) -> Vec<Vec<String>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split_inclusive(|c: char| !is_part(c));
    let mut after_quotation_mark = false;
    let mut paths = Vec::new();
    for word in words {
        let path = word.trim_end_matches(|c: char| !is_part(c));
        // After a quotation mark it is text, before a list or an asterisk it is part of a declaration.
        if path.contains("::") && !path.ends_with("::") && !path.starts_with("::") && !after_quotation_mark {
            paths.push(path.split("::").map(str::to_owned).collect());
        }
        after_quotation_mark = word.ends_with('"');
    }
    paths
}

/// The cycles in `uses`: groups of files each of which uses all others, directly or through others, with every use
/// inside the group.
pub(super) fn cycles(uses: &BTreeSet<(String, String)>) -> Vec<BTreeSet<(String, String)>> {
    let files: BTreeSet<&String> = uses.iter().map(|(user, _)| user).collect();
    let reachable: BTreeMap<_, _> = files.iter().map(|file| (*file, reachable_from(file, uses))).collect();
    let reaches = |user: &String, used: &String| reachable.get(user).is_some_and(|set| set.contains(used));
    let mut cycles = BTreeMap::<_, BTreeSet<_>>::new();
    for (user, used) in uses {
        if reaches(used, user) {
            // All files of a cycle reach the same ones among those that reach them.
            let group: Vec<_> =
                files.iter().filter(|file| reaches(user, file) && reaches(file, user)).collect();
            cycles.entry(group).or_default().insert((user.clone(), used.clone()));
        }
    }
    cycles.into_values().collect()
}

/// Every file that `start` uses, directly or through others.
fn reachable_from<'a>(start: &String, uses: &'a BTreeSet<(String, String)>) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(file) = pending.pop() {
        for (_, used) in uses.iter().filter(|(user, _)| user == file) {
            if found.insert(used) {
                pending.push(used);
            }
        }
    }
    found
}
