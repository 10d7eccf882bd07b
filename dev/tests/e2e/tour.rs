//! Runs the `console` blocks of the README and compares what they print.

use std::process::Command;

/// A command of the tour with the output that the README shows; `…` stands for any text.
struct Step {
    command: String,
    expected: String,
}

/// Runs the tour against `url` instead of the README's own address. `Err` shows the first step with another output.
pub(crate) fn run(url: &str) -> Result<(), String> {
    let steps = steps(include_str!("../../../README.md"));
    assert!(steps.len() > 3, "the README has a tour");
    // part of auth and books
    assert!(steps.len() > 10, "the tour signs in and writes");
    // end of part
    let port = url.rsplit(':').next().unwrap();
    // A record separator after the output of each command.
    let commands: Vec<_> = steps.iter().map(|step| format!("{}\nprintf '\\036'\n", step.command)).collect();
    let script = commands.concat().replace("9000", port);
    let output = Command::new("bash")
        .args(["-u", "-c", &script])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    for (step, actual) in steps.iter().zip(printed.split('\x1e').chain(std::iter::repeat(""))) {
        if !matches(&step.expected, actual.trim()) {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "$ {}\nREADME: {}\nprinted: {actual}\n{errors}",
                step.command, step.expected
            ));
        }
    }
    Ok(())
}

/// A line that begins with `$ ` is a command; every other line of a block is output of the command before it.
fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let blocks = readme.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), expected: String::new() }),
            (None, Some(step)) => {
                let expected = format!("{}\n{line}", step.expected);
                expected.trim().clone_into(&mut step.expected);
            }
            (None, None) => {}
        }
    }
    steps
}

/// Whether `actual` is `pattern` with each `…` replaced by some text.
fn matches(pattern: &str, actual: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = actual.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_matches_anything_and_everything_else_itself() {
    assert!(matches("a…c", "abc") && matches("a…", "a") && matches("abc", "abc") && matches("…b…d", "abcd"));
    assert!(!matches("a…c", "abd") && !matches("abc", "abcd") && !matches("…b", "abc"));
}
