//! The quotas that only one function counts by.

use stack::Result;

use crate::sources::Sources;

/// What code writes before the name of a quota.
const PATH: &str = "quotas::";

/// The constants of the quotas that the function uses and nothing else does.
pub(crate) fn of_alone(sources: &Sources, function: &str) -> Result<Vec<String>> {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let is_rust = |path: &&String| path.rsplit_once('.').is_some_and(|(_, extension)| extension == "rs");
    for path in sources.paths()?.iter().filter(is_rust) {
        let Some(text) = sources.find(path) else { continue };
        let is_own = path.starts_with(&format!("functions/{function}/"));
        if is_own { &mut own } else { &mut others }.extend(used_in(&text));
    }
    own.retain(|quota| !others.contains(quota));
    own.sort();
    own.dedup();
    Ok(own)
}

fn used_in(text: &str) -> impl Iterator<Item = String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let names = text.split(PATH).skip(1).map(move |rest| rest.chars().take_while(|c| is_name(*c)).collect());
    names.filter(|name: &String| !name.is_empty() && name != "ALL")
}

/// The table of quotas without these: neither their constants, with the comments above, nor their places in the list.
pub(crate) fn without(text: &str, quotas: &[String]) -> String {
    let is_of = |paragraph: &&str, quota: &String| paragraph.contains(&format!("pub const {quota}: Quota"));
    let paragraphs =
        text.split("\n\n").filter(|paragraph| !quotas.iter().any(|quota| is_of(paragraph, quota)));
    let text = paragraphs.collect::<Vec<_>>().join("\n\n");
    let Some((before, list)) = text.split_once("pub const ALL: &[Quota] = &[") else { return text };
    let Some((list, after)) = list.split_once("];") else { return text };
    let kept = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && !quotas.iter().any(|quota| quota == name));
    let kept = kept.collect::<Vec<_>>().join(", ");
    without_unused_imports(&format!("{before}pub const ALL: &[Quota] = &[{kept}];{after}"))
}

/// Without the names that the table imports and no longer uses.
fn without_unused_imports(text: &str) -> String {
    const IMPORT: &str = "use super::quota::{";
    let Some((before, rest)) = text.split_once(IMPORT) else { return text.to_owned() };
    let Some((names, after)) = rest.split_once('}') else { return text.to_owned() };
    let used = names.split(", ").filter(|name| after.contains(name)).collect::<Vec<_>>();
    format!("{before}{IMPORT}{}}}{after}", used.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_goes_with_its_comment_and_its_place_in_the_list() {
        let text = "//! A\n\n/// D\npub const D: Quota = 1;\n\n/// P\n/// x\npub const P: Quota = 2;\n\npub const ALL: &[Quota] = &[D, P];\n";
        let expected = "//! A\n\n/// D\npub const D: Quota = 1;\n\npub const ALL: &[Quota] = &[D];\n";
        assert_eq!(without(text, &["P".to_owned()]), expected);
        assert_eq!(without(text, &[]), text);
        let text = "use super::quota::{A, B, C};\n\nuses A, C";
        assert_eq!(without_unused_imports(text), text.replace("B, ", ""));
        assert_eq!(used_in("limited(quotas::A_B, x).limited(quotas::ALL)").collect::<Vec<_>>(), ["A_B"]);
    }
}
