//! The header of an npy file.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::MAGIC;
use crate::Error;
use crate::element::Element;

/// No header of an array of numbers is longer; `NumPy` itself refuses longer ones.
const LONGEST: u32 = 10_000;
/// Remedy for a header that only another writer can have made.
const AGAIN: &str = "write the file again with numpy.save";

/// What the header of an npy file says.
pub(crate) struct Header {
    pub(crate) path: PathBuf,
    pub(crate) shape: Vec<usize>,
    pub(crate) fortran_order: bool,
    pub(crate) big_endian: bool,
    pub(crate) element: Element,
    /// Bytes before the first value.
    pub(crate) start: u64,
}

impl Header {
    pub(crate) fn read(path: &Path, file: &mut impl Read) -> Result<Self, Error> {
        let wrong = |problem: String, remedy| Error::Header {
            path: path.to_path_buf(),
            problem,
            remedy,
        };
        let mut read = |count: u32| {
            let mut bytes = Vec::new();
            match file.take(count.into()).read_to_end(&mut bytes) {
                Ok(_) => Ok(bytes),
                Err(source) => Err(Error::Read {
                    path: path.to_path_buf(),
                    source,
                }),
            }
        };
        let start = read(8)?;
        let (magic, version) = start.split_at(start.len().min(MAGIC.len()));
        if magic != MAGIC {
            return Err(Error::Magic {
                path: path.to_path_buf(),
                found: format!("{:?}", String::from_utf8_lossy(magic)),
                expected: "\"\\x93NUMPY\" (npy)",
            });
        }
        let wide = match version {
            [1, _] => 2,
            [2 | 3, _] => 4,
            _ => return Err(wrong(format!("npy version {version:?}"), AGAIN)),
        };
        let length = read(wide)?;
        let short = length.len() < wide as usize;
        let length = length
            .iter()
            .rev()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        if short || length > LONGEST {
            return Err(wrong(format!("claims {length} bytes"), AGAIN));
        }
        let text = read(length)?;
        if text.len() < length as usize {
            return Err(wrong("breaks off".into(), AGAIN));
        }
        let text = String::from_utf8_lossy(&text);
        let malformed = || {
            let shown: String = text.trim().chars().take(80).collect();
            wrong(format!("{shown:?} is not understood"), AGAIN)
        };

        let order = entry(&text, "fortran_order").ok_or_else(malformed)?;
        let fortran_order = match order {
            _ if order.starts_with("True") => true,
            _ if order.starts_with("False") => false,
            _ => return Err(malformed()),
        };
        let shape = entry(&text, "shape")
            .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
            .ok_or_else(malformed)?;
        let shape: Vec<usize> = shape
            .0
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty())
            .map(|size| size.parse().map_err(|_| malformed()))
            .collect::<Result<_, _>>()?;
        let descr = entry(&text, "descr").ok_or_else(malformed)?;
        let descr = descr
            .strip_prefix(['\'', '"'])
            .and_then(|rest| rest.split(['\'', '"']).next())
            .unwrap_or("a structure of several fields");
        let element = descr
            .get(1..)
            .and_then(element)
            .filter(|_| descr.starts_with(['<', '>', '|', '=']))
            .ok_or_else(|| {
                wrong(
                    format!("values of type {}", descr.escape_debug()),
                    "save booleans, integers or floats of 16 to 64 bits, e.g. x.astype('float32')",
                )
            })?;
        Ok(Self {
            path: path.to_path_buf(),
            shape,
            fortran_order,
            big_endian: descr.starts_with('>'),
            element,
            start: u64::from(8 + wide + length),
        })
    }

    /// Refuses an empty array, and a header that does not fit a file of `length` bytes.
    pub(crate) fn check_length(&self, path: &Path, length: u64) -> Result<(), Error> {
        let path = path.to_path_buf();
        let shape = self.shape_text();
        if self.shape.contains(&0) {
            let what = "values";
            return Err(Error::Empty { path, what });
        }
        // At most 2^64 axes' product: 128 bits saturate far above the length of any file.
        let needed = self
            .shape
            .iter()
            .fold(self.element.size() as u128, |product, size| {
                product.saturating_mul(*size as u128)
            });
        let held = length.saturating_sub(self.start);
        if needed > held.into() {
            let held = (held / self.element.size() as u64).to_string();
            return Err(Error::Truncated { path, shape, held });
        }
        if needed < held.into() {
            let surplus = format!("{} bytes follow", u128::from(held) - needed);
            return Err(Error::Trailing {
                path,
                shape,
                surplus,
            });
        }
        Ok(())
    }

    /// Number of values; once the length is checked, no more than the file has bytes.
    pub(crate) fn count(&self) -> u64 {
        self.shape.iter().map(|size| *size as u64).product()
    }

    /// The shape as Python writes it.
    pub(crate) fn shape_text(&self) -> String {
        let sizes: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        format!("({})", sizes.join(", "))
    }
}

/// What follows `'key':` in a Python dictionary.
fn entry<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let rest = &text[text.find(key)? + key.len()..];
    let rest = rest.strip_prefix(['\'', '"'])?.trim_start();
    Some(rest.strip_prefix(':')?.trim_start())
}

/// What a `NumPy` type such as `f4` is; `None` for others than plain real numbers.
fn element(kind: &str) -> Option<Element> {
    Some(match kind {
        "b1" => Element::Bool,
        "u1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return None,
    })
}
