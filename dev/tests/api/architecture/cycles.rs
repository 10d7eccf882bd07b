//! No file uses another one that uses it in turn, directly or through others: each can be read on its own, after the
//! files that it uses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::imports::{Crate, cycles};
use super::{crates, root};

#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let mut found = Vec::new();
    for sources in crates() {
        for cycle in cycles(&Crate::read(&root().join(&sources)).uses()) {
            let uses: Vec<_> = cycle.iter().map(|(user, used)| format!("  {user} uses {used}")).collect();
            found.push(format!("{sources}:\n{}", uses.join("\n")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn cycles_are_found_through_reexports_parents_and_inline_paths() {
    let folder = std::env::temp_dir().join(format!("imports-{}", std::process::id()));
    let sizes = |files: &[(&str, &str)]| {
        let _ = fs::remove_dir_all(&folder);
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        cycles(&Crate::read(Path::new(&folder)).uses()).iter().map(BTreeSet::len).collect::<Vec<_>>()
    };
    let through_the_root = [
        ("lib.rs", "mod a;\nmod b;\npub use b::B;\n"),
        ("a.rs", "use crate::{B};\npub struct A;\n"),
        ("b.rs", "pub struct B(crate::a::A);\n"),
    ];
    assert_eq!(sizes(&through_the_root), [2]);
    let with_the_parent = [
        ("lib.rs", "mod a;\n"),
        ("a.rs", "mod child;\nuse child::C;\npub struct A;\n"),
        ("a/child.rs", "use super::A;\npub struct C;\n"),
    ];
    assert_eq!(sizes(&with_the_parent), [2]);
    let through_a_call = [
        ("lib.rs", "mod a;\n"),
        ("a.rs", "mod child;\nfn f() { child::g() }\npub struct A;\n"),
        ("a/child.rs", "fn g() -> super::A { todo!() }\n"),
    ];
    assert_eq!(sizes(&through_a_call), [2]);
    let none = [
        ("lib.rs", "mod a;\nmod b;\npub use b::B;\n// use a::A;\n"),
        (
            "a.rs",
            "use crate::B;\nfn f() { print(\"crate::b::B\") }\n#[cfg(test)]\nmod tests { use super::*; }\n",
        ),
        ("b.rs", "pub struct B;\n"),
    ];
    assert_eq!(sizes(&none), [0; 0]);
    fs::remove_dir_all(&folder).unwrap();
}
