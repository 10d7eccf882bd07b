//! Blocks of `template.yaml`: an entry of a mapping or an item of a list, with all that is indented below it.

use std::ops::Range;

use crate::names::Names;
use crate::text::without_lines;

/// The keys without which what they belong to has no meaning: that of an output, and those between an alarm and what
/// it counts.
const ESSENTIAL: [&str; 4] = ["Value:", "Dimensions:", "Metrics:", "Properties:"];

/// The block of line `at`. What stands in a choice between itself and nothing is one block with the choice, and what
/// has no meaning without the line is one block with it.
pub(crate) fn block_at(lines: &[&str], mut at: usize) -> Range<usize> {
    while let Some(parent) = parent(lines, at)
        && (["- !If", "Dimensions:"].contains(&lines[parent].trim())
            || !is_entry(lines[at])
            || ESSENTIAL.iter().any(|key| lines[at].trim_start().starts_with(key)))
    {
        at = parent;
    }
    let within = |line: &&str| line.is_empty() || indentation(line) > indentation(lines[at]);
    let mut end = at + 1 + lines[at + 1..].iter().take_while(|line| within(line)).count();
    while lines[end - 1].is_empty() {
        end -= 1;
    }
    at..end
}

/// `text` without the block of line `at`, and without the comment above it unless that is for the next entry too.
pub(crate) fn without_block(text: &str, at: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let Range { mut start, end } = block_at(&lines, at);
    let is_sibling =
        |next: &&str| !next.is_empty() && !is_comment(next) && indentation(next) == indentation(lines[start]);
    if !lines.get(end).is_some_and(is_sibling) {
        while start > 0 && is_comment(lines[start - 1]) {
            start -= 1;
        }
    }
    let removed: Vec<_> = (0..lines.len()).map(|line| (start..end).contains(&line)).collect();
    without_lines(text, &removed)
}

/// The spaces before a line.
pub(crate) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line is a comment.
pub(crate) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Whether a line is a widget of the dashboard, which is JSON.
pub(crate) fn is_widget(line: &str) -> bool {
    line.trim_start().starts_with("{\"type\"")
}

/// The metrics of a widget.
pub(crate) fn metrics(widget: &str) -> impl Iterator<Item = &str> {
    let starts = widget.match_indices("[\"").map(|(at, _)| &widget[at..]);
    starts.filter_map(|rest| Some(&rest[..=rest.find(']')?]))
}

/// The metrics of a widget that are those of the function.
pub(crate) fn metrics_naming<'a>(widget: &'a str, function: &Names) -> Vec<&'a str> {
    metrics(widget).filter(|metric| function.are_in(metric)).collect()
}

/// The line that line `at` is indented below.
fn parent(lines: &[&str], at: usize) -> Option<usize> {
    let is_outer =
        |line: &&str| !line.is_empty() && !is_comment(line) && indentation(line) < indentation(lines[at]);
    lines[..at].iter().rposition(is_outer)
}

/// Whether a line begins an item of a list, or an entry of a mapping.
fn is_entry(line: &str) -> bool {
    let line = line.trim_start();
    let is_key = |(key, _): (&str, &str)| key.chars().all(|c| c.is_alphanumeric() || c == '_');
    line.starts_with("- ") || line.split_once(':').is_some_and(is_key)
}
