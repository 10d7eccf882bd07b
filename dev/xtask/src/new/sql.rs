//! Names that SQL keeps for itself, so that no table can have them without quotation marks.

use stack::{Error, Result};

use crate::names::Names;

/// The reserved words of Postgres: `select word from pg_get_keywords() where catcode in ('R', 'T')`.
const RESERVED: &str = "
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
    returning right select session_user similar some symmetric system_user table tablesample then to trailing true
    union unique user using variadic verbose when where window with";

/// Fails if the function's table could not have the function's name.
pub(super) fn check(function: &Names) -> Result<()> {
    let name = &function.snake;
    if RESERVED.split_whitespace().any(|word| word == name) {
        let message = format!("{name} is a reserved word of SQL, which no table can have as its name");
        return Err(Error::new(message).hint("Choose another name, such as its plural."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_word_is_refused_and_what_contains_one_is_not() {
        let check = |name| check(&Names::of(name).unwrap());
        for name in ["order", "user", "group", "table", "select", "current-user"] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains(&name.replace('-', "_")), "{error}");
        }
        for name in ["orders", "order-items", "reviews"] {
            assert!(check(name).is_ok(), "{name}");
        }
    }
}
