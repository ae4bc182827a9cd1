//! The types of numbers that array files hold, and how their bytes are read: the one decoder of
//! npy, npz and safetensors.

use half::{bf16, f16};

/// The type of an array's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    BF16,
    F32,
    F64,
}

/// Runs `$body` with `$T` as the type that `$element` names.
macro_rules! with_type {
    ($element:expr, $T:ident => $body:expr) => {
        match $element {
            Element::Bool => with_type!(@ $T, Boolean, $body),
            Element::I8 => with_type!(@ $T, i8, $body),
            Element::U8 => with_type!(@ $T, u8, $body),
            Element::I16 => with_type!(@ $T, i16, $body),
            Element::U16 => with_type!(@ $T, u16, $body),
            Element::I32 => with_type!(@ $T, i32, $body),
            Element::U32 => with_type!(@ $T, u32, $body),
            Element::I64 => with_type!(@ $T, i64, $body),
            Element::U64 => with_type!(@ $T, u64, $body),
            Element::F16 => with_type!(@ $T, f16, $body),
            Element::BF16 => with_type!(@ $T, bf16, $body),
            Element::F32 => with_type!(@ $T, f32, $body),
            Element::F64 => with_type!(@ $T, f64, $body),
        }
    };
    (@ $T:ident, $type:ty, $body:expr) => {{
        type $T = $type;
        $body
    }};
}

impl Element {
    /// Bytes of one value.
    pub(crate) fn size(self) -> usize {
        with_type!(self, T => size_of::<T>())
    }

    /// Brings big-endian values into little-endian order.
    pub(crate) fn swap_bytes(self, bytes: &mut [u8]) {
        for value in bytes.chunks_exact_mut(self.size()) {
            value.reverse();
        }
    }

    /// The values of little-endian `bytes`, one after the other, until `each` fails.
    pub(crate) fn for_each<E>(
        self,
        bytes: &[u8],
        mut each: impl FnMut(f64) -> Result<(), E>,
    ) -> Result<(), E> {
        with_type!(self, T => values::<T>(bytes).try_for_each(|value| each(value.as_f64())))
    }

    /// Appends whole numbers to `out`; the index and value of the first that is none.
    pub(crate) fn integers(self, bytes: &[u8], out: &mut Vec<i64>) -> Result<(), (usize, f64)> {
        with_type!(self, T => {
            for (index, value) in values::<T>(bytes).enumerate() {
                out.push(value.whole().ok_or((index, value.as_f64()))?);
            }
            Ok(())
        })
    }

    /// Packs values into bits, 64 to a word: what lies above the threshold, or what is 1 where no
    /// threshold is given. The index and value of the first that can be neither: one that is not
    /// finite, or is neither 0 nor 1.
    pub(crate) fn pack(
        self,
        bytes: &[u8],
        threshold: Option<f64>,
        words: &mut [u64],
    ) -> Result<(), (usize, f64)> {
        with_type!(self, T => {
            let good = match threshold {
                Some(threshold) => {
                    let threshold = T::rounded(threshold);
                    pack::<T>(bytes, words, |x| (x.above(threshold), x.is_finite()))
                }
                None => pack::<T>(bytes, words, |x| (x.is_one(), x.is_bit())),
            };
            if good { Ok(()) } else { Err(first_odd::<T>(bytes, threshold)) }
        })
    }

    /// As [`pack`](Self::pack), one bit to a word: bit `place` of each word.
    pub(crate) fn pack_column(
        self,
        bytes: &[u8],
        threshold: Option<f64>,
        place: usize,
        words: &mut [u64],
    ) -> Result<(), (usize, f64)> {
        fn spread<T: Number>(
            bytes: &[u8],
            place: usize,
            words: &mut [u64],
            look: impl Fn(T) -> (bool, bool),
        ) -> bool {
            let mut good = true;
            for (word, value) in words.iter_mut().zip(values::<T>(bytes)) {
                let (bit, fine) = look(value);
                *word |= u64::from(bit) << place;
                good &= fine;
            }
            good
        }
        with_type!(self, T => {
            let good = match threshold {
                Some(threshold) => {
                    let threshold = T::rounded(threshold);
                    spread::<T>(bytes, place, words, |x| (x.above(threshold), x.is_finite()))
                }
                None => spread::<T>(bytes, place, words, |x| (x.is_one(), x.is_bit())),
            };
            if good { Ok(()) } else { Err(first_odd::<T>(bytes, threshold)) }
        })
    }
}

/// A number as array files store it.
trait Number: Copy {
    fn read(bytes: &[u8]) -> Self;
    fn as_f64(self) -> f64;
    /// The same number as an integer.
    fn whole(self) -> Option<i64>;
    fn is_one(self) -> bool;
    /// Whether it is 0 or 1.
    fn is_bit(self) -> bool;
    fn is_finite(self) -> bool;
    /// What a threshold is compared as.
    type Threshold: Copy;
    /// The threshold in the precision of the values, as NumPy compares an array with a number:
    /// 32-bit values of 0.1 are not above a threshold of 0.1.
    fn rounded(threshold: f64) -> Self::Threshold;
    fn above(self, threshold: Self::Threshold) -> bool;
}

/// One byte; everything but 0 is true.
#[derive(Clone, Copy)]
struct Boolean(u8);

impl Number for Boolean {
    type Threshold = f64;
    fn read(bytes: &[u8]) -> Self {
        Self(u8::from(bytes[0] != 0))
    }
    fn as_f64(self) -> f64 {
        self.0.into()
    }
    fn whole(self) -> Option<i64> {
        Some(self.0.into())
    }
    fn is_one(self) -> bool {
        self.0 == 1
    }
    fn is_bit(self) -> bool {
        true
    }
    fn is_finite(self) -> bool {
        true
    }
    fn rounded(threshold: f64) -> f64 {
        threshold
    }
    fn above(self, threshold: f64) -> bool {
        self.as_f64() > threshold
    }
}

macro_rules! integer {
    ($($type:ty),+) => {$(
        impl Number for $type {
            type Threshold = f64;
            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("one value"))
            }
            #[allow(clippy::cast_lossless, reason = "lossless or not by the type")]
            fn as_f64(self) -> f64 {
                self as f64
            }
            fn whole(self) -> Option<i64> {
                i64::try_from(self).ok()
            }
            fn is_one(self) -> bool {
                self == 1
            }
            fn is_bit(self) -> bool {
                self & !1 == 0
            }
            fn is_finite(self) -> bool {
                true
            }
            fn rounded(threshold: f64) -> f64 {
                threshold
            }
            fn above(self, threshold: f64) -> bool {
                self.as_f64() > threshold
            }
        }
    )+};
}
integer!(i8, u8, i16, u16, i32, u32, i64, u64);

macro_rules! float {
    ($($type:ty: $round:expr),+) => {$(
        impl Number for $type {
            type Threshold = Self;
            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("one value"))
            }
            fn as_f64(self) -> f64 {
                self.into()
            }
            fn whole(self) -> Option<i64> {
                whole_float(self.into())
            }
            #[allow(clippy::float_cmp, reason = "1 is exact")]
            fn is_one(self) -> bool {
                self.as_f64() == 1.0
            }
            fn is_bit(self) -> bool {
                self.is_one() || self.as_f64() == 0.0
            }
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }
            fn rounded(threshold: f64) -> Self {
                ($round)(threshold)
            }
            fn above(self, threshold: Self) -> bool {
                self > threshold
            }
        }
    )+};
}
float!(
    f16: f16::from_f64,
    bf16: bf16::from_f64,
    f32: |threshold| threshold as f32,
    f64: |threshold| threshold
);

/// The integer that a float is, if it is one of 64 bits.
pub(crate) fn whole_float(value: f64) -> Option<i64> {
    /// 2⁶³, the first float above every `i64`.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && (-BEYOND..BEYOND).contains(&value)).then_some(value as i64)
}

/// The values of little-endian bytes.
fn values<T: Number>(bytes: &[u8]) -> impl Iterator<Item = T> {
    bytes.chunks_exact(size_of::<T>()).map(T::read)
}

/// Packs the first of each pair that `look` gives; whether the second was always true. In two steps
/// that compilers turn into vector code: bytes of 0 and 1, then their bits.
fn pack<T: Number>(bytes: &[u8], words: &mut [u64], look: impl Fn(T) -> (bool, bool)) -> bool {
    /// Brings the low bit of byte j to bit 56 + j: the bytes' bits meet in the product's top byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut good = true;
    for (bytes, word) in bytes.chunks(64 * size_of::<T>()).zip(words) {
        let mut bits = [0_u8; 64];
        for (bit, value) in bits.iter_mut().zip(values::<T>(bytes)) {
            let (set, fine) = look(value);
            *bit = u8::from(set);
            good &= fine;
        }
        let (eights, _) = bits.as_chunks::<8>();
        let octets = eights
            .iter()
            .map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
        *word = octets.rev().fold(0, |word, octet| word << 8 | octet);
    }
    good
}

/// The first value that is no bit, and its index.
fn first_odd<T: Number>(bytes: &[u8], threshold: Option<f64>) -> (usize, f64) {
    values::<T>(bytes)
        .position(|value| !value.is_finite() || (threshold.is_none() && !value.is_bit()))
        .map(|index| {
            (
                index,
                values::<T>(bytes).nth(index).map_or(f64::NAN, T::as_f64),
            )
        })
        .expect("called where there is one")
}
