//! A function's resources in `template.yaml`. They are found by its names, and a block ends where the indentation does.

use crate::blocks::{indentation, is_comment, is_widget, metrics, metrics_naming, without_block};
use crate::names::Names;
use crate::text::without_lines_that;

/// `template` without the function, and without the conditions and parameters that only it needed.
pub(crate) fn without(template: &str, function: &Names) -> String {
    let mut text = handed_on(template, function);
    text = without_lines_that(&text, |line| is_widget(line) && is_of_alone(line, function));
    let widget = |line: &str| if is_widget(line) { widget_without(line, function) } else { line.to_owned() };
    text = text.lines().map(|line| widget(line) + "\n").collect();
    let names_it = |line: &str| !is_comment(line) && !is_widget(line) && function.are_in(line);
    while let Some(at) = text.lines().position(names_it).or_else(|| sum_of_nothing(&text)) {
        text = without_block(&text, at);
    }
    without_unused(template, &text)
}

/// The parameters of `before` that `after` has no longer.
pub(crate) fn parameters_lost(before: &str, after: &str) -> Vec<String> {
    let kept = entries(after, "Parameters");
    entries(before, "Parameters").into_iter().filter(|name| !kept.contains(name)).collect()
}

/// The template in which whatever is made after a user of the function is made after the one before that.
fn handed_on(template: &str, function: &Names) -> String {
    let resource = format!("  {}CacheUser:", function.pascal);
    let waits_for = |line: &&str| line.trim_start().starts_with("DependsOn: ");
    let own = template.lines().skip_while(|line| *line != resource).skip(1);
    let before = own.take_while(|line| line.starts_with("    ")).find(waits_for);
    match before {
        Some(before) => template.replace(&format!("    DependsOn: {}CacheUser", function.pascal), before),
        None => template.to_owned(),
    }
}

/// Whether a widget of the dashboard shows metrics of the function and no others.
fn is_of_alone(widget: &str, function: &Names) -> bool {
    metrics(widget).all(|metric| function.are_in(metric))
}

/// The key of an alarm's metrics of which nothing is left but their sum.
fn sum_of_nothing(template: &str) -> Option<usize> {
    let lines: Vec<_> = template.lines().collect();
    let is_alone =
        |at: usize| lines.get(at + 1).is_none_or(|next| indentation(next) < indentation(lines[at]));
    let sum = (0..lines.len()).find(|&at| lines[at].contains("SUM(METRICS())") && is_alone(at))?;
    Some(sum - 1)
}

/// A widget of the dashboard without the metrics of the function.
fn widget_without(widget: &str, function: &Names) -> String {
    metrics_naming(widget, function).iter().fold(widget.to_owned(), |text, metric| {
        text.replacen(&format!(", {metric}"), "", 1).replacen(&format!("{metric}, "), "", 1)
    })
}

/// `after` without the conditions and parameters that are used in `before` and no longer.
fn without_unused(before: &str, after: &str) -> String {
    let mut text = after.to_owned();
    loop {
        let is_unused = |name: &String| is_used(before, name) && !is_used(&text, name);
        if let Some(name) = entries(&text, "Conditions").into_iter().find(is_unused) {
            text = without_lines_that(&text, |line| line.starts_with(&format!("  {name}: ")));
        } else if let Some(name) = entries(&text, "Parameters").into_iter().find(is_unused) {
            let at = text.lines().position(|line| line == format!("  {name}:"));
            text = at.map_or_else(|| text.clone(), |at| without_block(&text, at));
        } else {
            return text;
        }
    }
}

/// The names in a section of the template.
fn entries(template: &str, section: &str) -> Vec<String> {
    let lines = template.lines().skip_while(|line| *line != format!("{section}:")).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let names = lines.filter(|line| indentation(line) == 2 && !is_comment(line));
    names.filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned())).collect()
}

/// Whether a condition or a parameter is referred to.
fn is_used(template: &str, name: &str) -> bool {
    let references = [format!("!Ref {name}"), format!("${{{name}}}"), format!("!Condition {name}")];
    let conditions = [format!("Condition: {name}"), format!("[{name},"), format!("- {name}")];
    let is_word = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    references.iter().chain(&conditions).any(|reference| {
        template.match_indices(reference).any(|(at, found)| is_word(&template[at + found.len()..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Parameters:
  Demos:
    Type: String
  Revision:
    Type: String
Mappings:
  Concurrency:
    # Demonstrations.
    ademo: { Reserved: '5' }
    bdemo: { Reserved: '5' }
    # Health.
    system: { Reserved: '5' }
Conditions:
  Create: !Equals [!Ref Revision, '']
  WithDemos: !Equals [!Ref Demos, 'true']
  Both: !And [!Condition WithDemos, !Condition Create]

Resources:

  # The first.
  ADemoFunction:
    Condition: WithDemos
    Properties: { Binary: a-demo }

  ADemoCacheUser:
    Condition: Both
    DependsOn: SystemCacheUser
    Name: a-demo

  BDemoCacheUser:
    Condition: Both
    DependsOn: ADemoCacheUser
    Name: b-demo

  Users:
    Properties:
      List:
        - !Ref SystemCacheUser
        - !If [WithDemos, !Ref ADemoCacheUser, !Ref AWS::NoValue]
        - !If
          - WithDemos
          - Id: bDemo
            Value: !Ref BDemoFunction
          - !Ref AWS::NoValue
      Other: !If [Create, !Ref Revision, '']
";

    #[test]
    fn a_function_goes_with_its_blocks_and_entries_and_the_rest_stays() {
        let one = without(TEMPLATE, &Names::of("a-demo").unwrap());
        let expected = TEMPLATE
            .replace("    ademo: { Reserved: '5' }\n", "")
            .replace("  # The first.\n  ADemoFunction:\n    Condition: WithDemos\n    Properties: { Binary: a-demo }\n\n", "")
            .replace("  ADemoCacheUser:\n    Condition: Both\n    DependsOn: SystemCacheUser\n    Name: a-demo\n\n", "")
            .replace("DependsOn: ADemoCacheUser", "DependsOn: SystemCacheUser")
            .replace("        - !If [WithDemos, !Ref ADemoCacheUser, !Ref AWS::NoValue]\n", "");
        assert_eq!(one, expected);
        assert_eq!(parameters_lost(TEMPLATE, &one), [""; 0]);
    }

    #[test]
    fn alarms_outputs_and_widgets_go_that_tell_of_the_function_alone() {
        let kept = "\
Resources:
  Both:
    Properties:
      Metrics:
        - { Id: all, Expression: SUM(METRICS()) }
        - Id: system
          Dimensions:
            - { Name: function, Value: system }

  Dashboard:
    Body: |
      {\"type\": 1, \"metrics\": [[\"N\", \"system\"]]},
Outputs:
  Url:
    Value: !Ref Api
";
        let of_system = "          Dimensions:\n            - { Name: function, Value: system }\n";
        let of_both = of_system.to_owned() + "        - Id: aDemo\n" + &of_system.replace("system", "a-demo");
        let own = "  Own:
    Properties:
      Dimensions:
        - { Name: stack, Value: !Ref AWS::StackName }
        - { Name: function, Value: a-demo }

  Sum:
    Properties:
      Metrics:
        - { Id: all, Expression: SUM(METRICS()) }
        - Id: aDemo
          Dimensions:
            - { Name: function, Value: a-demo }

  Dashboard:
    Body: |
      {\"type\": 1, \"metrics\": [[\"N\", \"a-demo\"], [\"M\", \"a-demo\"]]},
";
        let template = kept
            .replace(of_system, &of_both)
            .replace("  Dashboard:\n    Body: |\n", own)
            .replace("[\"N\", \"system\"]", "[\"N\", \"a-demo\"], [\"N\", \"system\"]")
            .replace("Outputs:\n", "Outputs:\n  Group:\n    Description: Where\n    Value: !Ref ADemoLog\n");
        assert_eq!(without(&template, &Names::of("a-demo").unwrap()), kept);
    }

    #[test]
    fn what_only_the_last_function_needed_goes_with_it() {
        let one = without(TEMPLATE, &Names::of("a-demo").unwrap());
        let none = without(&one, &Names::of("b-demo").unwrap());
        assert!(["emo", "Both", "AWS::NoValue"].iter().all(|gone| !none.contains(gone)), "{none}");
        assert!(
            none.contains("  Create: ") && none.contains("        - !Ref SystemCacheUser\n      Other:"),
            "{none}"
        );
        assert_eq!(parameters_lost(&one, &none), ["Demos"]);
    }
}
