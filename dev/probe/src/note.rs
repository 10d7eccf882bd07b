//! Notes, and what a client sends to write or to find them.

use serde::Serialize;
use shared::validation::{Fields, FromField, FromFields, Raw, Text};

/// 1 to 200 code points on one line.
pub(crate) type NoteText = Text<1, 200>;

/// A note.
#[derive(Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) text: String,
}

/// A page of notes, which holds ten.
#[derive(Serialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Note>,
    pub(crate) total: i64,
}

pub(crate) struct NewNote {
    pub(crate) text: NoteText,
}

impl FromFields for NewNote {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { text: fields.required("text")? })
    }
}

/// The page that is asked for: the first one is 1.
pub(crate) struct PageNumber(pub(crate) i64);

impl FromField for PageNumber {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let number = Some(raw.integer()?).filter(|number| *number >= 1);
        number.map(Self).ok_or_else(|| "must be at least 1".to_owned())
    }
}

impl FromFields for PageNumber {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(fields.optional("page")?.unwrap_or(Self(1)))
    }
}
