//! Compression of a batch's records.
//!
//! Decompression streams, grows its output as bytes arrive, and stops at
//! [`MAX_DECOMPRESSED`]: a declared size is never believed.

use std::io::{self, Read, Write};

use bytes::{BufMut, BytesMut};

use super::{Compression, RecordError};

/// The most that one batch may decompress to.
pub const MAX_DECOMPRESSED: usize = 64 << 20;

/// The largest zstd window, as a power of two: no more than the output may be.
const ZSTD_WINDOW_LOG: u32 = MAX_DECOMPRESSED.trailing_zeros();
/// What Java's `SnappyOutputStream` begins with, before two version numbers.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Java's block size.
const XERIAL_BLOCK: usize = 32 << 10;
/// A copy of 64 bytes takes 3: no honest snappy block shrinks more, and a block that claims to
/// would only make us allocate.
const SNAPPY_BEST_RATIO: usize = 22;

/// Decompresses the records of one batch.
pub(super) fn decompress(codec: Compression, data: &[u8]) -> Result<Vec<u8>, RecordError> {
    match codec {
        Compression::None => Ok(data.to_vec()),
        Compression::Gzip => read_capped(flate2::bufread::MultiGzDecoder::new(data)),
        Compression::Snappy => unsnappy(data),
        Compression::Lz4 => read_capped(lz4_flex::frame::FrameDecoder::new(data)),
        Compression::Zstd => read_capped(unzstd(data).map_err(|error| failed(&error))?),
    }
}

fn unzstd(data: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn read_capped(decoder: impl Read) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    let mut capped = decoder.take(MAX_DECOMPRESSED as u64 + 1);
    capped
        .read_to_end(&mut out)
        .map_err(|error| failed(&error))?;
    check_cap(out.len())?;
    Ok(out)
}

fn check_cap(len: usize) -> Result<(), RecordError> {
    if len <= MAX_DECOMPRESSED {
        return Ok(());
    }
    Err(RecordError::Decompression(format!(
        "more than {MAX_DECOMPRESSED} bytes"
    )))
}

fn failed(error: &dyn std::error::Error) -> RecordError {
    RecordError::Decompression(error.to_string())
}

/// Raw snappy, or Java's framing of it: blocks with their lengths in front.
fn unsnappy(data: &[u8]) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    let Some(framed) = data.strip_prefix(XERIAL_MAGIC) else {
        unsnappy_block(data, &mut out)?;
        return Ok(out);
    };
    let mut rest = framed
        .get(XERIAL_VERSIONS.len()..)
        .ok_or_else(torn_snappy)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or_else(torn_snappy)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, after) = after.split_at_checked(length).ok_or_else(torn_snappy)?;
        unsnappy_block(block, &mut out)?;
        rest = after;
    }
    Ok(out)
}

fn unsnappy_block(block: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
    let declared = snap::raw::decompress_len(block).map_err(|error| failed(&error))?;
    check_cap(out.len().saturating_add(declared))?;
    if declared / SNAPPY_BEST_RATIO > block.len() {
        return Err(RecordError::Decompression(
            "a snappy block lies about its size".into(),
        ));
    }
    let from = out.len();
    out.resize(from + declared, 0);
    let written = snap::raw::Decoder::new()
        .decompress(block, &mut out[from..])
        .map_err(|error| failed(&error))?;
    out.truncate(from + written);
    Ok(())
}

fn torn_snappy() -> RecordError {
    RecordError::Decompression("a snappy stream ends within a block".into())
}

/// Compresses the records of one batch onto `out`, in the framing that Java clients read.
pub(super) fn compress(codec: Compression, data: &[u8], out: &mut BytesMut) -> io::Result<()> {
    match codec {
        Compression::None => out.put_slice(data),
        Compression::Gzip => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(out.writer(), level);
            encoder.write_all(data)?;
            encoder.finish()?;
        }
        Compression::Snappy => snappy(data, out)?,
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(out.writer());
            encoder.write_all(data)?;
            encoder.finish()?;
        }
        Compression::Zstd => {
            zstd::stream::copy_encode(data, out.writer(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
        }
    }
    Ok(())
}

fn snappy(data: &[u8], out: &mut BytesMut) -> io::Result<()> {
    out.put_slice(XERIAL_MAGIC);
    out.put_slice(&XERIAL_VERSIONS);
    let mut encoder = snap::raw::Encoder::new();
    for block in data.chunks(XERIAL_BLOCK) {
        let packed = encoder.compress_vec(block)?;
        out.put_u32(packed.len() as u32);
        out.put_slice(&packed);
    }
    Ok(())
}
