//! State files as text: one JSON object with a format version and a checksum around the content.
//!
//! A file that was cut, edited or written by a later version is refused, never guessed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

const VERSION: u32 = 1;

#[derive(serde::Serialize, serde::Deserialize)]
struct Sealed {
    version: u32,
    crc32c: u32,
    content: Box<RawValue>,
}

/// Why a sealed text cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is not the JSON that [`seal`] writes.
    #[error("not a sealed file: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version of chronik-dev wrote it.
    #[error("format version {found}, and this chronik-dev reads {VERSION}")]
    Version {
        /// What the file says.
        found: u32,
    },
    /// The content is not what was written.
    #[error(
        "checksum {found:08x} where the content has {actual:08x}: the file was damaged or edited"
    )]
    Checksum {
        /// What the file says.
        found: u32,
        /// What the content has.
        actual: u32,
    },
}

/// The text to store for `content`.
pub fn seal<T: Serialize>(content: &T) -> Result<String, SealError> {
    let content = serde_json::to_string(content)?;
    let crc32c = crc32c::crc32c(content.as_bytes());
    let sealed = Sealed {
        version: VERSION,
        crc32c,
        content: RawValue::from_string(content)?,
    };
    Ok(serde_json::to_string(&sealed)? + "\n")
}

/// The content of a text that [`seal`] made.
pub fn unseal<T: DeserializeOwned>(text: &str) -> Result<T, SealError> {
    let sealed: Sealed = serde_json::from_str(text)?;
    if sealed.version != VERSION {
        return Err(SealError::Version {
            found: sealed.version,
        });
    }
    let actual = crc32c::crc32c(sealed.content.get().as_bytes());
    if actual != sealed.crc32c {
        return Err(SealError::Checksum {
            found: sealed.crc32c,
            actual,
        });
    }
    Ok(serde_json::from_str(sealed.content.get())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_the_seal() {
        let text = seal(&vec![1, 2, 3]).unwrap();
        assert_eq!(unseal::<Vec<i32>>(&text).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn an_edited_file_is_refused() {
        let text = seal(&vec![1, 2, 3]).unwrap().replace("[1,2,3]", "[1,2,4]");
        assert!(matches!(
            unseal::<Vec<i32>>(&text),
            Err(SealError::Checksum { .. })
        ));
    }

    #[test]
    fn a_cut_file_is_refused() {
        let text = seal(&vec![1, 2, 3]).unwrap();
        assert!(matches!(
            unseal::<Vec<i32>>(&text[..text.len() / 2]),
            Err(SealError::Malformed(_))
        ));
    }
}
