//! The language in which the table says how messages lie on the wire.
//!
//! A shape is the ordered list of a message's fields with the versions that have them; that is
//! all a walker needs, so numbers are only their widths. Each nested structure of a message is
//! encoded like the message itself.

/// How lengths and counts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Fixed-width counts, no tagged fields.
    Plain,
    /// Varint counts (one more than the length, 0 is null), and tagged fields after each
    /// structure (KIP-482).
    Flexible,
}

/// How one message lies on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The first flexible version.
    flexible_from: i16,
    /// The message's fields, in order.
    pub(super) fields: &'static [Field],
}

impl Shape {
    pub(super) const fn new(flexible_from: i16, fields: &'static [Field]) -> Self {
        Self {
            flexible_from,
            fields,
        }
    }

    /// How `version` of the message is written.
    pub(super) fn wire(&self, version: i16) -> Wire {
        if version >= self.flexible_from {
            Wire::Flexible
        } else {
            Wire::Plain
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A number, flag or id of so many bytes.
    Fixed(usize),
    /// A string.
    Text,
    /// Bytes, record batches among them.
    Bytes,
    /// An array of numbers of so many bytes.
    FixedArray(usize),
    /// An array of strings.
    TextArray,
    /// An array of structures.
    StructArray(&'static [Field]),
    /// One structure.
    Struct(&'static [Field]),
}

/// One field of a structure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    since: i16,
    until: i16,
    tag: Option<u32>,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            nullable: false,
            since: 0,
            until: i16::MAX,
            tag: None,
        }
    }

    /// May be null.
    pub(super) const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Absent from older versions.
    pub(super) const fn since(mut self, version: i16) -> Self {
        self.since = version;
        self
    }

    /// Absent from newer versions.
    pub(super) const fn until(mut self, version: i16) -> Self {
        self.until = version;
        self
    }

    /// Stands among the tagged fields, under this tag.
    pub(super) const fn tag(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Whether it stands in its place in the order of fields.
    pub(super) fn is_inline(&self, version: i16) -> bool {
        self.tag.is_none() && self.is_in(version)
    }

    /// Whether it stands under `tag`.
    pub(super) fn is_tagged(&self, tag: u32, version: i16) -> bool {
        self.tag == Some(tag) && self.is_in(version)
    }

    fn is_in(&self, version: i16) -> bool {
        (self.since..=self.until).contains(&version)
    }

    /// The fewest bytes that it takes, being inline.
    fn min_len(&self, wire: Wire, version: i16) -> usize {
        match (self.kind, wire) {
            (Kind::Fixed(width), _) => width,
            (Kind::Struct(fields), _) => min_len(fields, wire, version),
            (_, Wire::Flexible) => 1,
            (Kind::Text, Wire::Plain) => 2,
            (_, Wire::Plain) => 4,
        }
    }
}

/// The fewest bytes that a structure takes.
pub(super) fn min_len(fields: &[Field], wire: Wire, version: i16) -> usize {
    let inline = fields.iter().filter(|field| field.is_inline(version));
    let tags = usize::from(wire == Wire::Flexible);
    inline
        .map(|field| field.min_len(wire, version))
        .sum::<usize>()
        + tags
}

pub(super) const fn bool(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(1))
}

pub(super) const fn i8(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(1))
}

pub(super) const fn i16(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(2))
}

pub(super) const fn i32(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(4))
}

pub(super) const fn i64(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(8))
}

pub(super) const fn uuid(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(16))
}

pub(super) const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}

pub(super) const fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}

pub(super) const fn i32s(name: &'static str) -> Field {
    Field::new(name, Kind::FixedArray(4))
}

pub(super) const fn texts(name: &'static str) -> Field {
    Field::new(name, Kind::TextArray)
}

pub(super) const fn structs(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::StructArray(fields))
}

pub(super) const fn one(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Struct(fields))
}
