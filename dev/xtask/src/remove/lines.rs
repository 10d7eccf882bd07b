//! Lines that belong to a function by its name: in manifests, in lists of the code, and in tables of documents.

use crate::blocks::indentation;
use crate::names::Names;
use crate::text::without_lines;

/// `rl-demo = { path = "functions/rl-demo" }`, `rl-demo = { workspace = true }`, `"/rl-demo/ping" = "rl-demo"`.
pub(super) fn is_of_manifest(line: &str, name: &str) -> bool {
    line.starts_with(&format!("{name} = {{"))
        || line.ends_with(&format!(" = \"{name}\"")) && line.starts_with('"')
}

/// The declaration of a module, and its row in the table of the module above.
pub(super) fn is_of_module(line: &str, name: &str) -> bool {
    line.trim().ends_with(&format!("mod {name};"))
        || [format!("//! | [`{name}`] |"), format!("//! | `{name}` |")]
            .iter()
            .any(|row| line.starts_with(row))
}

/// `text`, in which lists have a line for each entry, without the entries of the function. A tuple on several lines
/// goes with its first member.
pub(super) fn without_entries(text: &str, function: &Names) -> String {
    let lines: Vec<_> = text.lines().collect();
    let mut removed: Vec<_> = lines.iter().map(|line| is_entry(line, function)).collect();
    for open in 0..lines.len().saturating_sub(1) {
        if lines[open].trim() == "(" && removed[open + 1] {
            let is_end =
                |line: &&str| line.trim().starts_with(')') && indentation(line) == indentation(lines[open]);
            let length = lines[open..].iter().position(is_end).unwrap_or_default();
            removed[open..=open + length].fill(true);
        }
    }
    without_lines(text, &removed)
}

/// An entry in the list of functions, and entries of other lists: `"rl-demo/ping",` and `("/rl-demo/", "rl-demo"),`.
fn is_entry(line: &str, function: &Names) -> bool {
    let Names { kebab, snake, .. } = function;
    let line = line.trim();
    let starts = [format!("\"{kebab}/"), format!("\"{kebab}\""), format!("(\"{kebab}\"")];
    line.starts_with("Registered::") && line.contains(&format!("<{snake}::"))
        || line.starts_with("Function {") && line.contains(&format!("name: \"{kebab}\""))
        || line.ends_with(',') && starts.iter().any(|start| line.starts_with(start))
        || line.starts_with('(') && line.ends_with(&format!("\"{kebab}\"),"))
}

/// A row of a table in a document whose first cell names the function, one of its files or one of its quotas.
pub(super) fn is_row(line: &str, function: &Names, quotas: &[String]) -> bool {
    let Some(cell) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()) else { return false };
    function.are_mentioned_in(cell)
        || quotas.iter().any(|quota| cell == format!("`{}`", quota.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_manifests_lists_and_tables_are_found_by_the_name() {
        let function = Names::of("a-demo").unwrap();
        for line in ["a-demo = { workspace = true }", "\"/a-demo/ping\" = \"a-demo\""] {
            assert!(is_of_manifest(line, "a-demo"), "{line}");
        }
        assert!(!is_of_manifest("name = \"a-demo\"", "a-demo"));
        for line in [
            "    Registered::http::<a_demo::App>(\"A\"),",
            "    Function { name: \"a-demo\", x },",
            "  \"a-demo/ping\",",
            "(\"a-demo\", 1),",
            "(\"/a-demo/\", \"a-demo\"),",
        ] {
            assert!(is_entry(line, &function), "{line}");
        }
        for line in ["pub(crate) mod a_demo;", "//! | [`a_demo`] | shows |", "//! | `a_demo` | shows |"] {
            assert!(is_of_module(line, "a_demo") && !is_of_module(line, "demo"), "{line}");
        }
        // Of another module, which only has the same name.
        assert!(!is_entry("mod a_demo;", &function));
        assert!(!is_entry("let a = find(\"a-demo\");", &function));
        let quotas = ["PING".to_owned()];
        for line in ["| `a-demo` | x |", "| `ping` | 5 |", "| size of a-demo | us |"] {
            assert!(is_row(line, &function, &quotas), "{line}");
        }
        assert!(!is_row("| limits | `a-demo` |", &function, &quotas));
    }

    #[test]
    fn a_tuple_on_several_lines_goes_as_a_whole() {
        let text = "[\n    (\n        \"a\",\n        [\n            \"x\",\n        ],\n    ),\n    (\n        \"b\",\n        1,\n    ),\n]\n";
        let function = Names::of("a-demo").unwrap();
        let of_a_demo = text.replace("\"a\"", "\"a-demo\"");
        assert_eq!(
            without_entries(&of_a_demo, &function),
            "[\n    (\n        \"b\",\n        1,\n    ),\n]\n"
        );
        assert_eq!(without_entries(text, &function), text);
    }
}
