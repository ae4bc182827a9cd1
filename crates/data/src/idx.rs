//! IDX, the format of MNIST: a magic number, the sizes, then one byte per value.
//!
//! Source: C. Cortes, C. J. C. Burges and others, "The MNIST database of handwritten digits", where
//! the format is described. All numbers are big-endian; the magic number is 0, 0, the type of the
//! values (8: unsigned bytes), the number of dimensions.

use std::path::Path;

use ndarray::Array2;

use crate::Error;
use crate::dataset::matrix;
use crate::files::{Source, hexadecimal};

/// Type code of unsigned bytes, the only one in use.
const UNSIGNED_BYTES: u8 = 8;

/// The contents of an IDX file.
pub(crate) struct Idx {
    pub(crate) sizes: Vec<usize>,
    /// The whole unpacked file, header included: what its checksum is taken of.
    pub(crate) bytes: Vec<u8>,
}

impl Idx {
    /// Reads a file of `dimensions` dimensions.
    pub(crate) fn read(path: &Path, dimensions: u8) -> Result<Self, Error> {
        let mut source = Source::open(path)?;
        let mut bytes = source.read_up_to(header(dimensions) as u64)?;
        if bytes.get(..4) != Some(&[0, 0, UNSIGNED_BYTES, dimensions]) {
            return Err(Error::Magic {
                path: path.to_path_buf(),
                found: format!("0x{}", hexadecimal(&bytes[..bytes.len().min(4)])),
                expected: if dimensions == 1 {
                    "0x00000801 (IDX labels)"
                } else {
                    "0x00000803 (IDX images)"
                },
            });
        }
        let truncated = |shape: &[usize], held: String| Error::Truncated {
            path: path.to_path_buf(),
            shape: product_sign(shape),
            held,
        };
        if bytes.len() < header(dimensions) {
            return Err(Error::Header {
                path: path.to_path_buf(),
                problem: format!("breaks off after {} bytes", bytes.len()),
                remedy: "copy or download the file again",
            });
        }
        let (sizes, _) = bytes[4..].as_chunks::<4>();
        let sizes: Vec<usize> = sizes
            .iter()
            .map(|size| u32::from_be_bytes(*size) as usize)
            .collect();
        if sizes.contains(&0) {
            let path = path.to_path_buf();
            let what = "observations";
            return Err(Error::Empty { path, what });
        }
        // Sizes are checked against the length of the file before anything of that size is made.
        let values = sizes
            .iter()
            .try_fold(1_u64, |product, size| product.checked_mul(*size as u64));
        let Some(values) = values.filter(|values| *values <= source.limit) else {
            return Err(truncated(&sizes, format!("{} at most", source.limit)));
        };
        let body = source.read_up_to(values)?;
        if (body.len() as u64) < values {
            return Err(truncated(&sizes, body.len().to_string()));
        }
        let rest = source.count_rest()?;
        if rest > 0 {
            return Err(Error::Trailing {
                path: path.to_path_buf(),
                shape: product_sign(&sizes),
                surplus: format!("{rest} bytes follow"),
            });
        }
        bytes.extend_from_slice(&body);
        Ok(Self { sizes, bytes })
    }

    /// The values, without the header.
    pub(crate) fn values(&self) -> &[u8] {
        &self.bytes[4 + 4 * self.sizes.len()..]
    }

    /// Images as rows of grey levels in 0 … 1, and their height and width.
    pub(crate) fn images(&self) -> (Array2<f32>, (usize, usize)) {
        let &[count, height, width] = &self.sizes[..] else {
            unreachable!("read as a file of three dimensions");
        };
        let grey: Vec<f32> = self
            .values()
            .iter()
            .map(|byte| f32::from(*byte) / 255.0)
            .collect();
        (matrix(count, height * width, grey), (height, width))
    }

    /// Labels, one per byte.
    pub(crate) fn labels(&self) -> Vec<u32> {
        self.values().iter().map(|byte| u32::from(*byte)).collect()
    }
}

/// Images of an IDX file (gzip or plain) as rows of grey levels in 0 … 1, and their height and
/// width.
///
/// # Errors
/// For a file that cannot be read, is no IDX file of images, is cut short, holds more than its
/// header claims, or whose header claims more than the file can hold.
pub fn read_idx_images(path: &Path) -> Result<(Array2<f32>, (usize, usize)), Error> {
    Ok(Idx::read(path, 3)?.images())
}

/// Labels of an IDX file (gzip or plain).
///
/// # Errors
/// As [`read_idx_images`].
pub fn read_idx_labels(path: &Path) -> Result<Vec<u32>, Error> {
    Ok(Idx::read(path, 1)?.labels())
}

/// Bytes of a header.
fn header(dimensions: u8) -> usize {
    4 + 4 * usize::from(dimensions)
}

/// `60000 x 28 x 28`.
fn product_sign(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" x ")
}
