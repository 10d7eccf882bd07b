//! Parts of files that go with functions. A comment `part of rl-demo, bf-demo` begins one, `end of part` ends it; it
//! goes when the last function that it names goes. `part of auth and books` needs both, and goes with the first of
//! them. A part without an end is the rest of its file. There are no parts within parts.

use crate::text::without_lines;

/// The comment that begins a part, before the names.
const BEGIN: &str = "part of ";
const END: &str = "end of part";
/// What stands between functions of which one is enough, and between functions that are all needed.
const OR: &str = ", ";
const AND: &str = " and ";

/// `text` without the parts that need `function`, and with the others no longer naming it.
pub(crate) fn without(text: &str, function: &str) -> String {
    let (mut lines, mut removed) = (Vec::new(), Vec::new());
    let mut within = false;
    for line in text.lines() {
        let comment = comment_in(line);
        let names = comment.and_then(|comment| comment.strip_prefix(BEGIN)).unwrap_or_default();
        let needs = |names: &&str| names.split(AND).any(|name| name == function);
        let others: Vec<_> = names.split(OR).filter(|names| !needs(names)).collect();
        within |= others.is_empty();
        removed.push(within);
        within &= comment != Some(END);
        lines.push(if names.is_empty() { line.to_owned() } else { line.replace(names, &others.join(OR)) });
    }
    without_lines(&lines.join("\n"), &removed)
}

/// The text of a comment that has a line for itself.
fn comment_in(line: &str) -> Option<&str> {
    let line = line.trim();
    let markdown = line.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
    let comment = markdown.or_else(|| line.strip_prefix("//")).or_else(|| line.strip_prefix('#'));
    let comment = comment.or_else(|| line.strip_prefix("%%"))?;
    Some(comment.trim())
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_part_goes_with_the_last_function_that_it_names() {
        let text = "a\n\n<!-- part of x, y -->\nb\n<!-- end of part -->\n\n  // part of x\n  c\n  // end of part\nd\n";
        let without_x = "a\n\n<!-- part of y -->\nb\n<!-- end of part -->\n\nd\n";
        assert_eq!(without(text, "x"), without_x);
        assert_eq!(without(without_x, "y"), "a\n\nd\n");
        assert_eq!(without(text, "z"), text);
    }

    #[test]
    fn a_part_that_needs_two_functions_goes_with_the_first() {
        let text = "a\n# part of x and y, z\nb\n# end of part\nc\n";
        assert_eq!(without(text, "y"), "a\n# part of z\nb\n# end of part\nc\n");
        assert_eq!(without(&without(text, "z"), "x"), "a\nc\n");
    }
}
