//! Who somebody is: the tokens, passwords, usernames and sessions of the API's users.

pub mod passwords;
pub mod sessions;
pub mod tokens;
pub mod usernames;
