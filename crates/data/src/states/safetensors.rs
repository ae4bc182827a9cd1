//! Arrays inside safetensors files.
//!
//! Source: the format's description in its repository: the length of a header, the header in JSON
//! (names, types, shapes, places), then the values.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::array::{Array, ArrayReader, Body};
use super::{StateOptions, choose, refuse_options};
use crate::Error;
use crate::element::Element;

/// Bytes of the header's length.
const LENGTH: u64 = 8;
/// Longest header that the format allows.
const LONGEST: u64 = 100_000_000;
/// Remedy for a file that does not hang together.
const AGAIN: &str = "copy the file again, or write it again";

/// Whether a file that begins so is a safetensors file.
pub(super) fn is_one(start: &[u8]) -> bool {
    match start.split_first_chunk::<8>() {
        Some((length, rest)) => u64::from_le_bytes(*length) <= LONGEST && rest.starts_with(b"{"),
        None => false,
    }
}

/// Opens the tensor of a safetensors file that the options choose.
pub(super) fn open(path: &Path, options: &StateOptions) -> Result<ArrayReader<'static>, Error> {
    let used = [("--label-column", options.label_column.is_some())];
    refuse_options(path, &used, "a safetensors file")?;
    let refuse = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    let wrong = |problem: String, remedy| Error::Header {
        path: path.to_path_buf(),
        problem,
        remedy,
    };
    let file = File::open(path).map_err(refuse)?;
    let held = file.metadata().map_err(refuse)?.len();
    let mut file = BufReader::new(file);
    let mut read = |count| {
        let mut bytes = Vec::new();
        (&mut file)
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(refuse)?;
        Ok(bytes)
    };
    let Ok(length) = <[u8; 8]>::try_from(read(LENGTH)?) else {
        return Err(wrong("breaks off".into(), AGAIN));
    };
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(wrong(format!("claims {length} bytes"), AGAIN));
    }
    let header = read(length)?;
    if (header.len() as u64) < length {
        return Err(wrong("breaks off".into(), AGAIN));
    }
    // The parser checks that shapes fit their places, and that these follow one another.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| {
        let words: String = error.to_string().chars().take(80).collect();
        wrong(format!("not understood ({})", words.escape_debug()), AGAIN)
    })?;
    let names = metadata.offset_keys();
    let place = choose(path, "tensor", "tensors", &names, options.column.as_deref())?;
    let info = metadata.info(&names[place]).expect("a name that it listed");
    let element = element(info.dtype).ok_or_else(|| {
        wrong(
            format!("values of type {}", info.dtype),
            "save booleans, integers or floats of 16 to 64 bits",
        )
    })?;
    let needed = metadata.data_len() as u64;
    let start = LENGTH + length;
    let held = held.saturating_sub(start);
    let bytes = |count: u64| format!("{count} bytes of");
    if needed > held {
        return Err(Error::Truncated {
            path: path.to_path_buf(),
            shape: bytes(needed),
            held: held.to_string(),
        });
    }
    if needed < held {
        return Err(Error::Trailing {
            path: path.to_path_buf(),
            shape: bytes(needed),
            surplus: format!("{} bytes follow", held - needed),
        });
    }
    let array = Array {
        path: path.to_path_buf(),
        element,
        big_endian: false,
        fortran_order: false,
        shape: info.shape.clone(),
        body: Body::File(file.into_inner(), start + info.data_offsets.0 as u64),
    };
    ArrayReader::new(array, options.threshold)
}

/// What a safetensors type is; `None` for others than plain real numbers of whole bytes.
fn element(kind: Dtype) -> Option<Element> {
    Some(match kind {
        Dtype::BOOL => Element::Bool,
        Dtype::I8 => Element::I8,
        Dtype::U8 => Element::U8,
        Dtype::I16 => Element::I16,
        Dtype::U16 => Element::U16,
        Dtype::I32 => Element::I32,
        Dtype::U32 => Element::U32,
        Dtype::I64 => Element::I64,
        Dtype::U64 => Element::U64,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        _ => return None,
    })
}
