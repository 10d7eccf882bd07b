//! The launch files of VS Code, which list the functions that can be debugged.

use stack::{Result, workspace};

use crate::sources::Sources;

const FILES: [&str; 2] = [".vscode/launch.json", ".vscode/tasks.json"];

/// Writes the functions that there are now into both files.
pub(crate) fn update(sources: &Sources) -> Result<()> {
    let functions: Vec<_> = workspace::functions()?.iter().map(|name| format!("\"{name}\"")).collect();
    let list = format!("\"options\": [{}]", functions.join(", "));
    for file in FILES {
        sources.edit(file, |text| with_list(text, &list))?;
    }
    Ok(())
}

fn with_list(text: &str, list: &str) -> String {
    let line = |line: &str| match line.split_once("\"options\": [") {
        Some((indentation, _)) => format!("{indentation}{list}\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::with_list;

    #[test]
    fn only_the_list_changes() {
        let text = "{\n  \"id\": 1,\n  \"options\": [\"a\"]\n}\n";
        let expected = "{\n  \"id\": 1,\n  \"options\": [\"b\"]\n}\n";
        assert_eq!(with_list(text, "\"options\": [\"b\"]"), expected);
    }
}
