//! Conditional requests on books (RFC 9110 §13): versions of a book as entity tags and preconditions.
//!
//! The store knows versions and nothing of HTTP. This module turns a version into the entity tag that a client gets,
//! the tags that a client sends in `If-Match` back into versions, and the result of a conditional write into a
//! response.

use shared::http::{EntityTag, Error, IfMatch, Result};

use crate::book::{ExpectedVersions, Version};
use crate::store::Conditional;

/// The format of books in responses, which is part of their tags: raise it when [`Book`](crate::book::Book) changes, or
/// clients go on using cached books in the old format.
const FORMAT: u32 = 1;

impl Version {
    /// The entity tag of a book in this version.
    pub(crate) fn entity_tag(self) -> EntityTag {
        EntityTag::new(format!("{FORMAT}.{}", self.0))
    }

    /// The version that a tag was made from, unless it is no tag of ours.
    fn from_entity_tag(tag: &str) -> Option<Self> {
        let version = tag.strip_prefix(&format!("{FORMAT}."))?.parse().ok()?;
        Some(Self(version)).filter(|version| version.entity_tag() == EntityTag::new(tag))
    }
}

impl From<&IfMatch> for ExpectedVersions {
    fn from(condition: &IfMatch) -> Self {
        match condition.named() {
            Some(tags) => Self::OneOf(tags.into_iter().filter_map(Version::from_entity_tag).collect()),
            None if condition.is_present() => Self::AnyExisting,
            None => Self::Unconditional,
        }
    }
}

impl<T> Conditional<T> {
    /// The result of a write that was done; 404 without a book, 412 (RFC 9110 §15.5.13) for one in another version.
    pub(crate) fn into_result(self) -> Result<T> {
        match self {
            Self::Done(result) => Ok(result),
            Self::NotFound => Err(Error::NotFound),
            Self::VersionMismatch => Err(Error::PreconditionFailed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_version_and_no_other_text_does() {
        assert_eq!(Version::from_entity_tag("1.7"), Some(Version(7)));
        assert_eq!(Version(7).entity_tag(), EntityTag::new("1.7"));
        for text in ["", "7", "1.", "1.07", "1.+7", "1.7 ", "2.7", "1.7.0", "1.9223372036854775808"] {
            assert_eq!(Version::from_entity_tag(text), None, "{text:?}");
        }
    }
}
