//! Makes random frames from the table, in every lawful way and in chosen unlawful ones.
//!
//! It shares the table with the walker but no code: what it makes is judged by the codec.

use kafka_protocol::messages::ApiKey;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::shape::{Field, Kind, Shape, Wire};
use super::super::table;

/// The two messages of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// How a count is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    I16,
    I32,
    Varint,
}

/// Where a frame has a count or a length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) at: usize,
    pub(super) prefix: Prefix,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing.
    Lawful,
    /// The n-th length of those that must not be null is null.
    Null(usize),
    /// Every structure has this tagged field of one byte, unless the table knows the tag.
    StrayTag(u32),
}

/// One message in one version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub(super) key: ApiKey,
    pub(super) version: i16,
    pub(super) side: Side,
}

/// A frame, and where its counts are.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) frame: Vec<u8>,
    pub(super) counts: Vec<Count>,
    /// Lengths that must not be null.
    pub(super) strict: usize,
}

/// Makes one frame.
pub(super) fn make(subject: Subject, plan: Plan, seed: u64) -> Made {
    let rng = StdRng::seed_from_u64(seed);
    let made = Made {
        frame: Vec::new(),
        counts: Vec::new(),
        strict: 0,
    };
    let mut maker = Maker {
        rng,
        plan,
        version: subject.version,
        made,
    };
    let row = table::row_of(subject.key);
    let shape = match subject.side {
        Side::Request => maker.request_header(subject, &row.request),
        Side::Response => maker.response_header(subject, &row.response),
    };
    maker.fields(shape.wire(subject.version), shape.fields);
    maker.made
}

struct Maker {
    rng: StdRng,
    plan: Plan,
    version: i16,
    made: Made,
}

impl Maker {
    fn request_header<'a>(&mut self, subject: Subject, shape: &'a Shape) -> &'a Shape {
        self.put(&(subject.key as i16).to_be_bytes());
        self.put(&subject.version.to_be_bytes());
        self.noise(4);
        self.value(
            Wire::Plain,
            &super::super::shape::text("client_id").nullable(),
        );
        if shape.wire(self.version) == Wire::Flexible {
            self.tags(&[]);
        }
        shape
    }

    fn response_header<'a>(&mut self, subject: Subject, shape: &'a Shape) -> &'a Shape {
        self.noise(4);
        // ApiVersions answers with the old header, since the client may not know the new one.
        if subject.key != ApiKey::ApiVersions && shape.wire(self.version) == Wire::Flexible {
            self.tags(&[]);
        }
        shape
    }

    fn fields(&mut self, wire: Wire, fields: &[Field]) {
        let version = self.version;
        for field in fields.iter().filter(|field| field.is_inline(version)) {
            self.value(wire, field);
        }
        if wire == Wire::Flexible {
            self.tags(fields);
        }
    }

    fn value(&mut self, wire: Wire, field: &Field) {
        match field.kind {
            Kind::Fixed(1) => {
                let flag = u8::from(self.rng.random::<bool>());
                self.put(&[flag]);
            }
            Kind::Fixed(width) => self.noise(width),
            Kind::Struct(fields) => self.fields(wire, fields),
            _ if self.is_null(field) => self.length(wire, field.kind, -1),
            _ => {
                let length = self.rng.random_range(0..4);
                self.filled(wire, field.kind, length);
            }
        }
    }

    fn filled(&mut self, wire: Wire, kind: Kind, length: usize) {
        self.length(wire, kind, length as i64);
        match kind {
            Kind::Bytes => self.noise(length),
            Kind::FixedArray(width) => self.noise(length * width),
            Kind::TextArray => {
                for _ in 0..length {
                    self.value(wire, &super::super::shape::text("element"));
                }
            }
            Kind::StructArray(fields) => {
                for _ in 0..length {
                    self.fields(wire, fields);
                }
            }
            _ => self.letters(length),
        }
    }

    fn is_null(&mut self, field: &Field) -> bool {
        if field.nullable {
            return self.rng.random_ratio(1, 4);
        }
        self.made.strict += 1;
        self.plan == Plan::Null(self.made.strict - 1)
    }

    fn tags(&mut self, fields: &[Field]) {
        let mut tagged: Vec<(u32, Option<&Field>)> = (0..10)
            .filter_map(|tag| self.known_tag(fields, tag))
            .map(|(tag, field)| (tag, Some(field)))
            .collect();
        if let Plan::StrayTag(tag) = self.plan
            && !fields
                .iter()
                .any(|field| field.is_tagged(tag, self.version))
        {
            tagged.push((tag, None));
        }
        for tag in [20, 300] {
            if self.rng.random_ratio(1, 6) {
                tagged.push((tag, None));
            }
        }
        self.count(Prefix::Varint);
        self.varint(tagged.len() as u32);
        for (tag, field) in tagged {
            self.tagged(tag, field);
        }
    }

    fn known_tag<'a>(&mut self, fields: &'a [Field], tag: u32) -> Option<(u32, &'a Field)> {
        let field = fields
            .iter()
            .find(|field| field.is_tagged(tag, self.version))?;
        self.rng.random_ratio(3, 4).then_some((tag, field))
    }

    /// A tagged field's content is made apart, since its size stands in front.
    fn tagged(&mut self, tag: u32, field: Option<&Field>) {
        self.varint(tag);
        let outer_frame = std::mem::take(&mut self.made.frame);
        let outer_counts = std::mem::take(&mut self.made.counts);
        match field {
            // The codec leaves out what has its default value.
            Some(field) if matches!(field.kind, Kind::Fixed(1)) => self.put(&[1]),
            Some(field) if is_length(field.kind) => self.filled(Wire::Flexible, field.kind, 2),
            Some(field) => self.value(Wire::Flexible, field),
            None => self.noise(1),
        }
        let content = std::mem::replace(&mut self.made.frame, outer_frame);
        let counts = std::mem::replace(&mut self.made.counts, outer_counts);
        self.count(Prefix::Varint);
        self.varint(content.len() as u32);
        let base = self.made.frame.len();
        let moved = counts.into_iter().map(|count| Count {
            at: base + count.at,
            ..count
        });
        self.made.counts.extend(moved);
        self.put(&content);
    }

    fn length(&mut self, wire: Wire, kind: Kind, length: i64) {
        match (wire, kind) {
            (Wire::Flexible, _) => {
                self.count(Prefix::Varint);
                self.varint((length + 1) as u32);
            }
            (Wire::Plain, Kind::Text) => {
                self.count(Prefix::I16);
                self.put(&(length as i16).to_be_bytes());
            }
            (Wire::Plain, _) => {
                self.count(Prefix::I32);
                self.put(&(length as i32).to_be_bytes());
            }
        }
    }

    fn count(&mut self, prefix: Prefix) {
        self.made.counts.push(Count {
            at: self.made.frame.len(),
            prefix,
        });
    }

    fn varint(&mut self, value: u32) {
        self.put(&varint(value));
    }

    fn noise(&mut self, length: usize) {
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes[..]);
        self.put(&bytes);
    }

    fn letters(&mut self, length: usize) {
        for _ in 0..length {
            let letter = self.rng.random_range(b'a'..=b'z');
            self.put(&[letter]);
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.made.frame.extend_from_slice(bytes);
    }
}

fn is_length(kind: Kind) -> bool {
    !matches!(kind, Kind::Fixed(_) | Kind::Struct(_))
}

/// An unsigned varint.
pub(super) fn varint(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
