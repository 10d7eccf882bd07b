//! The policy for new passwords (NIST SP 800-63B §3.1.1.2): a length and a blocklist, no composition rules.

use shared::config::{self, Env};
use shared::identity::usernames::{self, Username};
use shared::validation::{Fields, FromField, Raw};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

/// The longest password, in code points.
const LONGEST: usize = 128;
const SHORTEST_BY_DEFAULT: usize = 8;

/// Passwords that everybody tries first, and the name of this project, in lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// The rules for a new password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PasswordPolicy {
    shortest: usize,
}

impl PasswordPolicy {
    /// Reads `PASSWORD_MIN`: the fewest code points, 8 to 64 (default 8).
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        let shortest = env.parsed("PASSWORD_MIN", SHORTEST_BY_DEFAULT)?;
        if (8..=64).contains(&shortest) {
            Ok(Self { shortest })
        } else {
            Err(config::Error::invalid("PASSWORD_MIN", "is not from 8 to 64"))
        }
    }

    /// Reads the field `name`, and records it as invalid if a user of this name may not choose such a password.
    pub(crate) fn read(
        self,
        fields: &mut Fields,
        name: &str,
        username: Option<&Username>,
    ) -> Option<Password> {
        let password = fields.required(name)?;
        match self.objection(&password, username) {
            Some(objection) => fields.refuse(name, objection),
            None => Some(password),
        }
    }

    /// Why `password` may not be chosen by a user of this name, as the rest of a sentence; `None` if it may.
    fn objection(self, password: &Password, username: Option<&Username>) -> Option<String> {
        let Password(password) = password;
        let shortest = self.shortest;
        if !(shortest..=LONGEST).contains(&password.chars().count()) {
            return Some(format!("must have {shortest} to {LONGEST} characters"));
        }
        let folded = usernames::key(password);
        let is_common = COMMON.lines().any(|common| common == folded);
        let is_name = username.is_some_and(|username| username.key() == folded);
        (is_common || is_name).then(|| "is too easy to guess".to_owned())
    }
}

/// The schema of a password that is yet to be chosen, where `PASSWORD_MIN` is not set.
impl PartialSchema for PasswordPolicy {
    fn schema() -> RefOr<Schema> {
        password_schema().min_length(Some(SHORTEST_BY_DEFAULT)).max_length(Some(LONGEST)).into()
    }
}

/// A password as somebody sent it. Has no `Debug`, so that it can't slip into a log.
pub(crate) struct Password(pub(crate) String);

impl FromField for Password {
    fn from_field(raw: Raw) -> Result<Self, String> {
        raw.text().map(Self)
    }
}

impl PartialSchema for Password {
    fn schema() -> RefOr<Schema> {
        password_schema().into()
    }
}

fn password_schema() -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(password: &str) -> bool {
        let ada = Username::from_field(Raw::Text("Ada Lovelace".into())).unwrap();
        PasswordPolicy { shortest: 8 }.objection(&Password(password.into()), Some(&ada)).is_some()
    }

    #[test]
    fn length_is_counted_in_code_points() {
        assert!(objects("seven77") && !objects("🦀🦀🦀🦀🦀🦀🦀🦀"));
        assert!(!objects(&"x".repeat(128)) && objects(&"x".repeat(129)));
    }

    #[test]
    fn common_passwords_and_the_own_name_are_refused_in_any_case() {
        assert!(objects("PassWord1") && objects("12345678") && objects("Bookshelf1"));
        assert!(objects("ada lovelace"), "the own name");
        assert!(!objects("correct horse battery staple"));
    }
}
