//! Where a field of a question is in a split.

use tantivy::schema::{Field as Indexed, Term};

use crate::node::search::index::schema::FIELDS;
use crate::node::search::question::Field;

/// Where a field is.
#[derive(Debug, Clone)]
pub(in crate::node::search) enum Target {
    /// Words: all of them, or those at a path.
    Words(Place),
    /// Values as they were sent, in postings.
    Exact(Place),
    /// Whole values at a path, in a column.
    Whole(Place),
    /// A number that each record has.
    Number(Number),
}

/// A field of a split, and the path in it.
#[derive(Debug, Clone)]
pub(in crate::node::search) struct Place {
    field: Indexed,
    name: &'static str,
    path: Option<String>,
}

/// Numbers of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::search) enum Number {
    /// The same for all records of a split.
    Partition,
    /// Rising through a split.
    Offset,
    /// Missing for records that have no time.
    Timestamp,
    /// The same, or the document's own.
    Moment,
}

impl Target {
    /// Where this field is.
    pub(in crate::node::search) fn of(field: &Field) -> Self {
        match field {
            Field::Everything => Self::Words(Place::field(FIELDS.all, "all")),
            Field::Key => Self::Exact(Place::field(FIELDS.key, "key")),
            Field::Header(name) => Self::Exact(Place::path(FIELDS.headers, "headers", name)),
            Field::Path(path) => Self::Words(Place::path(FIELDS.doc, "doc", path)),
            Field::Whole(path) => Self::Whole(Place::path(FIELDS.doc, "doc", path)),
            Field::Partition => Self::Number(Number::Partition),
            Field::Offset => Self::Number(Number::Offset),
            Field::Timestamp => Self::Number(Number::Timestamp),
            Field::Moment => Self::Number(Number::Moment),
        }
    }

    /// The column that has its values, for sorting and aggregations; `None` for all text together.
    pub(in crate::node::search) fn column(&self) -> Option<String> {
        match self {
            Self::Words(place) if place.path.is_none() => None,
            Self::Words(place) | Self::Exact(place) | Self::Whole(place) => Some(place.column()),
            Self::Number(Number::Partition) => Some("partition".to_owned()),
            Self::Number(Number::Offset) => Some("offset".to_owned()),
            Self::Number(Number::Timestamp) => Some("timestamp".to_owned()),
            Self::Number(Number::Moment) => Some("moment".to_owned()),
        }
    }
}

impl Place {
    fn field(field: Indexed, name: &'static str) -> Self {
        Self {
            field,
            name,
            path: None,
        }
    }

    fn path(field: Indexed, name: &'static str, path: &str) -> Self {
        Self {
            field,
            name,
            path: Some(path.replace('\\', "\\\\")),
        }
    }

    /// The field.
    pub(in crate::node::search) fn indexed(&self) -> Indexed {
        self.field
    }

    /// Whether values of any kind are there, not text alone.
    pub(in crate::node::search) fn is_document(&self) -> bool {
        self.field == FIELDS.doc
    }

    /// A term without a value.
    pub(in crate::node::search) fn bare(&self) -> Term {
        match &self.path {
            Some(path) => Term::from_field_json_path(self.field, path, true),
            None => Term::from_field_text(self.field, ""),
        }
    }

    /// The term of a word.
    pub(in crate::node::search) fn word(&self, word: &str) -> Term {
        match &self.path {
            Some(path) => {
                let mut term = Term::from_field_json_path(self.field, path, true);
                term.append_type_and_str(word);
                term
            }
            None => Term::from_field_text(self.field, word),
        }
    }

    /// The column's name.
    pub(in crate::node::search) fn column(&self) -> String {
        match &self.path {
            Some(path) => format!("{}.{path}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// The path as it is in `long`.
    pub(in crate::node::search) fn long(&self) -> Option<String> {
        self.path.as_ref().map(|path| path.replace("\\\\", "\\"))
    }
}
