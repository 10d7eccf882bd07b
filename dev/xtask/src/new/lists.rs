//! The lists that name every function: manifests, the test kit's list, quotas, and tables of documents.

use stack::{Error, Result};

use crate::names::Names;
use crate::sources::Sources;

const QUOTAS: &str = "shared/src/protection/quotas.rs";

/// Adds the function, which serves `path`.
pub(super) fn add(sources: &Sources, name: &Names, path: &str) -> Result<()> {
    let Names { kebab, snake, pascal, .. } = name;
    let quota = snake.to_uppercase();
    // In which file, after the line that begins how, and what.
    for (file, anchor, added) in [
        ("Cargo.toml", "system = {", format!("{kebab} = {{ path = \"functions/{kebab}\" }}\n")),
        ("Cargo.toml", "[workspace.metadata.lambda.watch.router]", format!("\"{path}\" = \"{kebab}\"\n")),
        ("dev/testkit/Cargo.toml", "system = {", format!("{kebab} = {{ workspace = true }}\n")),
        (
            "dev/testkit/src/functions.rs",
            "    Registered::http::<system::",
            format!("    Registered::http::<{snake}::App>(\"{pascal}\"),\n"),
        ),
        (
            QUOTAS,
            "use super::quota::",
            format!(
                "\n/// The routes of `{kebab}`: 100 requests per minute and network.\n\
                 pub const {quota}: Quota = Quota::new(\"{snake}\", 100).per(MINUTE);\n"
            ),
        ),
        ("README.md", "| `system` |", format!("| `{kebab}` | `GET {path}` |\n")),
        (
            "docs/LIMITS.md",
            "| `default` |",
            format!("| `{snake}` | 100 per 60 s | network | admits | `GET {path}` | enough for a person |\n"),
        ),
    ] {
        let text = sources.read(file)?;
        let Some(text) = with_line_after(&text, anchor, &added) else {
            return Err(Error::new(format!(
                "{file} has no line {anchor:?}, after which {kebab} would be added"
            )));
        };
        sources.write(file, &text)?;
    }
    let list = "pub const ALL: &[Quota] = &[";
    sources.edit(QUOTAS, |text| text.replacen(list, &format!("{list}{quota}, "), 1))
}

/// `text` with `added` after the first line that begins with `anchor`; `None` if there is none.
fn with_line_after(text: &str, anchor: &str, added: &str) -> Option<String> {
    let line = text.lines().position(|line| line.starts_with(anchor))?;
    let at: usize = text.split_inclusive('\n').take(line + 1).map(str::len).sum();
    Some(format!("{}{added}{}", &text[..at], &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::with_line_after;

    #[test]
    fn a_line_is_added_after_the_one_that_is_named() {
        assert_eq!(with_line_after("a\nb 1\nb 2\n", "b", "x\n").as_deref(), Some("a\nb 1\nx\nb 2\n"));
        assert_eq!(with_line_after("a\n", "b", "x\n"), None);
    }
}
