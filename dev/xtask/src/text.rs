//! Lines taken out of a text.

/// `text` without the lines for which `removed` has `true`. Blank lines that would now follow as many others go too.
pub(crate) fn without_lines(text: &str, removed: &[bool]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut surplus = 0;
    for (line, &is_removed) in text.lines().zip(removed) {
        if is_removed {
            surplus = kept.iter().rev().take_while(|line| line.trim().is_empty()).count();
        } else if line.trim().is_empty() && surplus > 0 {
            surplus -= 1;
        } else {
            surplus = 0;
            kept.push(line);
        }
    }
    // Nothing follows what was removed.
    kept.truncate(kept.len() - surplus);
    kept.iter().flat_map(|line| [line, "\n"]).collect()
}

/// `text` without the lines that `is_removed` picks.
pub(crate) fn without_lines_that(text: &str, is_removed: impl Fn(&str) -> bool) -> String {
    without_lines(text, &text.lines().map(is_removed).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::without_lines_that;

    #[test]
    fn blank_lines_around_what_was_removed_are_not_left_twice() {
        assert_eq!(without_lines_that("a\n\nx\n\nb\n\n\nc\n", |line| line == "x"), "a\n\nb\n\n\nc\n");
        assert_eq!(without_lines_that("a\n\n\nx\n\n\nb\n", |line| line == "x"), "a\n\n\nb\n");
        assert_eq!(without_lines_that("a\nx\nb\n", |line| line == "x"), "a\nb\n");
        assert_eq!(without_lines_that("a\n\nx\n", |line| line == "x"), "a\n");
    }
}
