//! The resources of a new function in `template.yaml`: copies of those of `system`, with other names.

use crate::blocks::{block_at, is_comment, is_widget, metrics_naming, without_block};
use crate::names::Names;

/// The executions that are reserved for a new function.
pub(super) const RESERVED: u32 = 5;

/// The function whose resources are copied: it has a database, a user of the cache, and no variable of its own.
const MODEL: &str = "system";

/// `template` with the function, which serves `path`, and with a database if it has a `store`.
pub(super) fn with(template: &str, name: &Names, path: &str, store: bool) -> String {
    let Ok(model) = Names::of(MODEL) else { return template.to_owned() };
    let lines: Vec<_> = template.lines().collect();
    let mut text = String::new();
    let mut at = 0;
    while at < lines.len() {
        if is_comment(lines[at]) || !is_copied(lines[at], &model, store) {
            text.push_str(&handed_on(lines[at], name));
            text.push('\n');
            at += 1;
        } else if is_widget(lines[at]) {
            text.push_str(&widget_with(lines[at], &model, name));
            at += 1;
        } else {
            let block = block_at(&lines, at);
            let original: String = lines[block.clone()].iter().flat_map(|line| [line, "\n"]).collect();
            text.push_str(&original);
            text.push_str(if lines[at].starts_with("   ") { "" } else { "\n" });
            text.push_str(&copied(&original, name, path, store));
            at = block.end;
        }
    }
    text
}

/// Whether the block of a line is copied: all that names the model, but neither what the smoke test asks of it nor,
/// without a database, its role there.
fn is_copied(line: &str, model: &Names, store: bool) -> bool {
    let for_smoke_test = line.contains(":$LATEST") || line.contains("_VERSION:");
    let of_proxy = line.contains(&format!("/bookshelf_{MODEL}"));
    let is_order = line.trim_start().starts_with("DependsOn: ");
    model.are_in(line) && !is_order && !for_smoke_test && (store || !of_proxy)
}

/// A line of another resource. The users of the cache are made one after the other: what waited for the model's waits
/// for the new one.
fn handed_on(line: &str, name: &Names) -> String {
    line.replace("DependsOn: SystemCacheUser", &format!("DependsOn: {}CacheUser", name.pascal))
}

/// A widget of the dashboard with the metrics of the model once more.
fn widget_with(line: &str, model: &Names, name: &Names) -> String {
    let mut text = line.to_owned();
    for metric in metrics_naming(line, model) {
        text = text.replacen(metric, &format!("{metric}, {}", renamed(metric, name)), 1);
    }
    text + "\n"
}

/// The block of the model as that of the new function.
fn copied(original: &str, name: &Names, path: &str, store: bool) -> String {
    let mut text = renamed(original, name);
    if original.starts_with("  SystemCacheUser:") {
        text = without_line(&text, "DependsOn: ");
        text = text.replacen("    Properties:\n", "    DependsOn: SystemCacheUser\n    Properties:\n", 1);
        text = text.replace(":limit:default:*", &format!(":limit:{}:*", name.snake));
    }
    if original.starts_with("  SystemFunction:") {
        text = with_route(&text, name, path);
        if !store {
            for line in ["DependsOn: Migrate", "DATABASE_URL: ", "DATABASE_AUTH: ", "Action: rds-db:connect"]
            {
                text = without_line(&text, line);
            }
        }
    }
    text
}

fn renamed(text: &str, name: &Names) -> String {
    text.replace("_system", &format!("_{}", name.snake))
        .replace("[Concurrency, system,", &format!("[Concurrency, {},", name.key))
        .replace("    system: {", &format!("    {}: {{", name.key))
        .replace("Id: system", &format!("Id: {}", name.camel))
        .replace("System", &name.pascal)
        .replace("system", &name.kebab)
}

/// The function with the one route instead of those of the model.
fn with_route(text: &str, name: &Names, path: &str) -> String {
    let Some((before, _)) = text.split_once("      Events:\n") else { return text.to_owned() };
    let route = format!("{{ ApiId: !Ref Api, Method: ANY, Path: '{path}' }}");
    format!("{before}      Events:\n        {}: {{ Type: HttpApi, Properties: {route} }}\n", name.pascal)
}

/// `text` without the block of the line that begins like this: a statement of a policy as a whole.
fn without_line(text: &str, start: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let Some(mut at) = lines.iter().position(|line| line.trim_start().starts_with(start)) else {
        return text.to_owned();
    };
    if start.starts_with("Action") {
        at -= 1;
    }
    without_block(text, at)
}

/// `text` with the number after `before` raised by `more`, in the first place where there is one.
pub(super) fn raised(text: &str, before: &str, more: u32) -> String {
    let places = text.match_indices(before).map(|(at, found)| at + found.len());
    for at in places {
        let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
        if let Ok(number) = digits.parse::<u32>() {
            return format!("{}{}{}", &text[..at], number + more, &text[at + digits.len()..]);
        }
    }
    text.to_owned()
}

/// `template` with the name of the newest migration, by which a deployment notices that there is one.
pub(super) fn with_newest(template: &str, newest: &str) -> String {
    let line = |line: &str| match line.split_once("Newest: ") {
        Some((indentation, _)) => format!("{indentation}Newest: {newest}\n"),
        None => format!("{line}\n"),
    };
    template.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_the_newest_migration_is_named() {
        assert_eq!(raised("quota of x, quota of 180 or", "quota of ", 5), "quota of x, quota of 185 or");
        assert_eq!(with_newest("a\n  Newest: V1__a\nb\n", "V2__b"), "a\n  Newest: V2__b\nb\n");
    }

    #[test]
    fn the_resources_of_the_model_come_once_more_with_the_new_name() {
        let template = include_str!("../../../../template.yaml");
        let (name, model) = (Names::of("book-reviews").unwrap(), Names::of(MODEL).unwrap());
        for store in [true, false] {
            let text = with(template, &name, "/book-reviews/{id}", store);
            for resource in ["Function", "Log", "CacheUser", "Errors", "Slow"] {
                assert!(text.contains(&format!("\n  BookReviews{resource}:\n")), "{resource}");
            }
            assert_eq!(text.contains("postgres://bookshelf_book_reviews@"), store);
            assert_eq!(text.matches("bookshelf_book_reviews").count(), if store { 3 } else { 0 });
            assert_eq!(
                text.matches("${BookReviewsFunction}").count(),
                template.matches("${SystemFunction}").count()
            );
            assert!(model.are_in(&text));
            let undone = crate::remove::template::without(&text, &name);
            let difference = template.lines().zip(undone.lines()).find(|(before, after)| before != after);
            assert_eq!(difference, None, "a removal undoes it");
        }
    }
}
