//! The walker: consumes a frame field by field, allocating nothing.

use super::shape::{Field, Kind, Wire, min_len};
use crate::protocol::frame::FrameError;

/// The fewest bytes of a tagged field: its tag and its size.
const MIN_TAGGED: usize = 2;
/// Five groups of seven bits hold the 32 that a length has.
const MAX_VARINT: usize = 5;

/// A position in a frame that moves forward only.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    frame: &'a [u8],
    at: usize,
    /// The frame's end, or that of the tagged field that is being read.
    end: usize,
    version: i16,
    /// Array elements and tagged fields that the frame may still have.
    elements_left: usize,
    /// The innermost named field, for errors.
    field: &'static str,
}

impl<'a> Walker<'a> {
    pub(super) fn new(frame: &'a [u8], version: i16, max_elements: usize) -> Self {
        let (end, elements_left) = (frame.len(), max_elements);
        Self {
            frame,
            at: 0,
            end,
            version,
            elements_left,
            field: "header",
        }
    }

    /// The client id of a request's header: of the old encoding in every version.
    pub(super) fn client_id(&mut self) -> Result<(), FrameError> {
        self.field = "client_id";
        let length = self.length(Wire::Plain, Kind::Text)?.unwrap_or(0);
        self.skip(length)
    }

    /// Consumes one structure.
    pub(super) fn fields(&mut self, wire: Wire, fields: &[Field]) -> Result<(), FrameError> {
        let version = self.version;
        for field in fields.iter().filter(|field| field.is_inline(version)) {
            self.value(wire, field)?;
        }
        match wire {
            Wire::Plain => Ok(()),
            Wire::Flexible => self.tags(fields),
        }
    }

    /// The frame must end here.
    pub(super) fn end(&self) -> Result<(), FrameError> {
        if self.left() == 0 {
            Ok(())
        } else {
            Err(self.refuse("bytes after the last field"))
        }
    }

    /// Consumes `length` bytes.
    pub(super) fn skip(&mut self, length: usize) -> Result<(), FrameError> {
        if length > self.left() {
            return Err(self.refuse("more bytes than the frame has left"));
        }
        self.at += length;
        Ok(())
    }

    /// Consumes the tagged fields of a structure; those that `fields` knows by their shape.
    pub(super) fn tags(&mut self, fields: &[Field]) -> Result<(), FrameError> {
        let count = self.varint()? as usize;
        self.admit(count, MIN_TAGGED)?;
        for _ in 0..count {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let known = fields
                .iter()
                .find(|field| field.is_tagged(tag, self.version));
            match known {
                Some(field) => self.tagged(field, size)?,
                None => self.skip(size)?,
            }
        }
        Ok(())
    }

    /// Consumes a tagged field, which must fill its size exactly.
    fn tagged(&mut self, field: &Field, size: usize) -> Result<(), FrameError> {
        if size > self.left() {
            return Err(self.refuse("more bytes than the frame has left"));
        }
        let outer = std::mem::replace(&mut self.end, self.at + size);
        self.value(Wire::Flexible, field)?;
        self.end()?;
        self.end = outer;
        Ok(())
    }

    fn value(&mut self, wire: Wire, field: &Field) -> Result<(), FrameError> {
        self.field = field.name;
        match field.kind {
            Kind::Fixed(width) => return self.skip(width),
            Kind::Struct(fields) => return self.fields(wire, fields),
            _ => {}
        }
        let Some(length) = self.length(wire, field.kind)? else {
            return if field.nullable {
                Ok(())
            } else {
                Err(self.refuse("null, which it cannot be"))
            };
        };
        match field.kind {
            Kind::StructArray(fields) => self.structs(wire, fields, length),
            Kind::TextArray => self.texts(wire, length),
            Kind::FixedArray(width) => {
                self.admit(length, width)?;
                self.skip(length * width)
            }
            _ => self.skip(length),
        }
    }

    fn structs(&mut self, wire: Wire, of: &[Field], count: usize) -> Result<(), FrameError> {
        self.admit(count, min_len(of, wire, self.version))?;
        for _ in 0..count {
            self.fields(wire, of)?;
        }
        Ok(())
    }

    fn texts(&mut self, wire: Wire, count: usize) -> Result<(), FrameError> {
        let min = match wire {
            Wire::Plain => 2,
            Wire::Flexible => 1,
        };
        self.admit(count, min)?;
        for _ in 0..count {
            let Some(length) = self.length(wire, Kind::Text)? else {
                return Err(self.refuse("null, which it cannot be"));
            };
            self.skip(length)?;
        }
        Ok(())
    }

    /// The law of the guard: a count is believed only if the bytes that remain can hold it.
    fn admit(&mut self, count: usize, min_len: usize) -> Result<(), FrameError> {
        assert!(min_len > 0, "every element takes a byte");
        if count > self.left() / min_len {
            return Err(self.refuse("a count above what the frame can hold"));
        }
        if count > self.elements_left {
            return Err(self.refuse("more elements than a frame may have"));
        }
        self.elements_left -= count;
        Ok(())
    }

    /// A length or a count; none when it says null.
    fn length(&mut self, wire: Wire, kind: Kind) -> Result<Option<usize>, FrameError> {
        let length = match (wire, kind) {
            (Wire::Flexible, _) => i64::from(self.varint()?) - 1,
            (Wire::Plain, Kind::Text) => i64::from(i16::from_be_bytes(self.take()?)),
            (Wire::Plain, _) => i64::from(i32::from_be_bytes(self.take()?)),
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.refuse("a length below zero")),
        }
    }

    fn varint(&mut self) -> Result<u32, FrameError> {
        let mut value = 0;
        for group in 0..MAX_VARINT {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << (7 * group);
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| self.refuse("a varint over 32 bits"));
            }
        }
        Err(self.refuse("a varint over 32 bits"))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let Some(bytes) = self.frame[self.at..self.end].first_chunk() else {
            return Err(self.refuse("more bytes than the frame has left"));
        };
        self.at += N;
        Ok(*bytes)
    }

    /// Bytes that were not consumed.
    pub(super) fn left(&self) -> usize {
        self.end - self.at
    }

    fn refuse(&self, what: &'static str) -> FrameError {
        FrameError::Malformed {
            field: self.field,
            at: self.at,
            what,
        }
    }
}
