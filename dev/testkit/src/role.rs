//! A function under its database role: what it has no right to do fails in every test, as it would in production.

/// `url` for the function of this name, if it has a role: signed in as before, it acts as `bookshelf_<name>` from the
/// first statement on. The role that signs in must be a member of that one, as the one that migrated is.
#[must_use]
pub fn of_function(name: &str, url: &str) -> String {
    if !["auth", "books", "system"].contains(&name) {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20role%3Dbookshelf_{name}")
}
