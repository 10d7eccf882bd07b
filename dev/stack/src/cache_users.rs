//! The users of the cache: on a server of the stack each function signs in as its own, with exactly the rights that
//! `template.yaml` gives it on AWS. A command or a key that it may not use there fails here too.
//!
//! A stack hands out the URL of one more user, `bookshelf`, who may do what any function may. The URL of a function's
//! user follows from it, because all these users have the same password. The function that only tests start is no
//! resource of the template: its user may touch every key of a test, by the commands that all functions may use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    Result,
    error::Context,
    workspace::{self, FIXTURE},
};

/// The variable with the URL of the user who may do everything. Only a server of the stack has one, and no function
/// gets it.
pub const ADMIN_VARIABLE: &str = "REDIS_ADMIN_URL";

/// The variable with the URL that functions sign in with.
const VARIABLE: &str = "REDIS_URL";

/// The user whose URL a stack hands out, and the beginning of the names of the functions' users.
pub(crate) const USER: &str = "bookshelf";

/// What the template writes for the name of the stack, with which all keys begin.
const STACK_NAME: &str = "${AWS::StackName}";

/// The beginning of all keys of a function that is not told another name of its stack, as on this machine.
const PREFIX: &str = "~bookshelf:";

/// The beginning of all keys of a test, which has a prefix of its own.
const TEST_PREFIX: &str = "~test_*:";

/// All keys of tests.
const KEYS_OF_TESTS: &str = "~test_*";

/// A user and its rights, as the server's configuration names them.
#[derive(Debug, PartialEq)]
pub(crate) struct CacheUser {
    pub(crate) name: String,
    pub(crate) rights: String,
}

/// The users of all functions in `template.yaml`, that of [`FIXTURE`], and [`USER`].
pub(crate) fn cache_users() -> Result<Vec<CacheUser>> {
    let file = workspace::root()?.join("template.yaml");
    let template = fs::read_to_string(&file).context(format!("read {}", file.display()))?;
    Ok(users_in(&template))
}

/// The value of `REDIS_URL` for `function`, which has `url` for all functions; `None` if it has no user.
///
/// Only for a server of the stack. A URL of somebody else is returned as it is.
pub fn url_for(function: &str, url: &str) -> Result<Option<String>> {
    let (user, own) = (format!("://{USER}:"), format!("{USER}-{function}"));
    if !url.contains(&user) {
        return Ok(Some(url.to_owned()));
    }
    let has_user = cache_users()?.iter().any(|user| user.name == own);
    Ok(has_user.then(|| url.replacen(&user, &format!("://{own}:"), 1)))
}

/// Makes `variables` of a stack those of `function`: with the URL of its user, or none, and without that of the
/// administrator. On a server that is not the stack's they stay as they are.
pub(crate) fn restrict(function: &str, variables: &mut BTreeMap<String, String>) -> Result<()> {
    if variables.remove(ADMIN_VARIABLE).is_none() {
        return Ok(());
    }
    if let Some(url) = variables.remove(VARIABLE)
        && let Some(own) = url_for(function, &url)?
    {
        variables.insert(VARIABLE.to_owned(), own);
    }
    Ok(())
}

fn users_in(template: &str) -> Vec<CacheUser> {
    let value = |name: &str, (start, end): (char, char)| -> Vec<String> {
        let lines = template.lines().filter_map(|line| line.trim().strip_prefix(name));
        let values = lines.filter_map(|line| Some(line.split_once(start)?.1.split_once(end)?.0.to_owned()));
        values.collect()
    };
    // Both in the order of the users. A name ends with an id: `UserName: !Join ['-', [bookshelf-system, !Select`.
    let joined = value("UserName: !Join ['-', ", ('[', ','));
    let rights = value("AccessString: ", ('\'', '\''));
    let mut users: Vec<_> = joined
        .into_iter()
        .zip(rights)
        .map(|(name, rights)| CacheUser { name, rights: with_tests(&rights) })
        .collect();
    let all: Vec<_> = users.iter().flat_map(|user| user.rights.split(' ')).collect();
    let mut seen = BTreeSet::new();
    let rights: Vec<_> = all.into_iter().filter(|right| seen.insert(*right)).collect();
    // Keys first: a command is allowed or forbidden by the last right that names it, so their order counts.
    let (keys, commands): (Vec<&str>, Vec<&str>) =
        rights.into_iter().partition(|right| right.starts_with('~'));
    let of_tests = [&[KEYS_OF_TESTS], commands.as_slice()].concat().join(" ");
    let of_all = [keys, commands].concat().join(" ");
    users.push(CacheUser { name: format!("{USER}-{FIXTURE}"), rights: of_tests });
    users.push(CacheUser { name: USER.to_owned(), rights: of_all });
    users
}

/// The same rights for the stack of this machine, those to keys also for the keys of tests.
fn with_tests(rights: &str) -> String {
    let rights = rights.replace(STACK_NAME, USER);
    let both = |right: &str| match right.strip_prefix(PREFIX) {
        Some(keys) => format!("{right} {TEST_PREFIX}{keys}"),
        None => right.to_owned(),
    };
    rights.split(' ').map(both).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
      UserId: !Join ['-', [bookshelf-lists, !Select [0]]]
      UserName: !Join ['-', [bookshelf-lists, !Select [0]]]
      AccessString: !Sub 'on ~${AWS::StackName}:limit:default:* ~${AWS::StackName}:cache:* -@all +@read -@dangerous'
      UserName: !Join ['-', [bookshelf-locks, !Select [0]]]
      AccessString: !Sub 'on ~${AWS::StackName}:limit:default:* ~${AWS::StackName}:{lockout}:* -@all +@read -@dangerous'";

    #[test]
    fn users_have_the_rights_of_the_template_and_one_has_those_of_all() {
        let users = users_in(TEMPLATE);
        let found: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.rights.as_str())).collect();
        assert_eq!(
            found,
            [
                (
                    "bookshelf-lists",
                    "on ~bookshelf:limit:default:* ~test_*:limit:default:* ~bookshelf:cache:* ~test_*:cache:* -@all +@read \
                     -@dangerous"
                ),
                (
                    "bookshelf-locks",
                    "on ~bookshelf:limit:default:* ~test_*:limit:default:* ~bookshelf:{lockout}:* ~test_*:{lockout}:* -@all \
                     +@read -@dangerous"
                ),
                ("bookshelf-probe", "~test_* on -@all +@read -@dangerous"),
                (
                    "bookshelf",
                    "~bookshelf:limit:default:* ~test_*:limit:default:* ~bookshelf:cache:* ~test_*:cache:* \
                     ~bookshelf:{lockout}:* ~test_*:{lockout}:* on -@all +@read -@dangerous"
                ),
            ]
        );
    }

    #[test]
    fn a_function_gets_the_url_of_its_user_and_not_that_of_the_administrator() {
        let stack = BTreeMap::from([
            ("REDIS_URL".to_owned(), "redis://bookshelf:secret@127.0.0.1:1/0".to_owned()),
            ("REDIS_ADMIN_URL".to_owned(), "redis://:admin@127.0.0.1:1/0".to_owned()),
        ]);
        let restricted = |function: &str, mut variables: BTreeMap<String, String>| {
            restrict(function, &mut variables).unwrap();
            variables.into_iter().collect::<Vec<_>>()
        };
        let own = "redis://bookshelf-system:secret@127.0.0.1:1/0".to_owned();
        assert_eq!(restricted("system", stack.clone()), [("REDIS_URL".to_owned(), own)]);
        assert_eq!(restricted("maintenance", stack), []);
        let foreign = BTreeMap::from([("REDIS_URL".to_owned(), "redis://bookshelf:x@cache:1".to_owned())]);
        assert_eq!(restricted("system", foreign.clone()), foreign.into_iter().collect::<Vec<_>>());
    }
}
